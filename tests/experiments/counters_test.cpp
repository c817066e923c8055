// Tests that counters count the work of all threads of the process.
#include "experiments/measure/counters.h"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <ctime>
#include <map>
#include <string>
#include <thread>
#ifdef __linux__
#include <linux/perf_event.h>
#endif

using namespace twice::experiments;

BOOST_AUTO_TEST_SUITE(counters)

#ifdef __linux__
// Uses a counter of the kernel's own, which virtual machines have too.
BOOST_AUTO_TEST_CASE(the_time_of_every_thread_is_counted) {
  // Uses 20 ms of the thread's own time, which other work on the machine does not shorten.
  const auto work = [] {
    const auto used = [] {
      timespec now;
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
      return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
    };
    const double end = used() + 20e6;
    while (used() < end) {
    }
  };
  std::atomic<bool> go = false, done = false;
  std::thread other([&] {
    go.wait(false);
    work();
    done = true;
    done.notify_one();
  });
  const Counters counters({{"ns", PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK}});
  const std::map<std::string, double> before = counters.read();
  go = true;
  go.notify_one();
  work();
  done.wait(false);
  const std::map<std::string, double> after = counters.read();
  other.join();
  if (before.empty()) return;  // a container may not read counters
  const double spent = after.at("ns") - before.at("ns");
  BOOST_TEST(spent > 30e6);  // more than the time of one thread
  BOOST_TEST(spent < 2e9);
}
#endif

BOOST_AUTO_TEST_CASE(refused_counters_are_left_out) {
  const Counters counters({{"none", 0xffffffff, 0}});
  BOOST_TEST(counters.read().empty());
}

BOOST_AUTO_TEST_SUITE_END()
