// Tests the team of threads: every tile is computed once, threads wait only for tiles in progress,
// and children of fork start teams of their own.
#include "autodiff/threads/team.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <thread>

#include "autodiff/kernels/blas.h"
#include "autodiff/threads/parallel.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::testing;

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// Counts how often each tile was computed, over several loops.
class Counts {
 public:
  explicit Counts(Index tiles) : counts_(static_cast<std::size_t>(tiles)) {}
  void add(Index tile) { ++counts_[static_cast<std::size_t>(tile)]; }
  bool are_all(int expected) const {
    return std::ranges::all_of(counts_, [&](const auto& count) { return count == expected; });
  }

 private:
  std::vector<std::atomic<int>> counts_;
};

/// Runs `loops` loops of `tiles` tiles. True if each loop computes each tile once.
bool each_tile_once(Index tiles, int loops) {
  Counts counts(tiles);
  for (int loop = 1; loop <= loops; ++loop) {
    parallel_for(tiles, [&](Index tile) { counts.add(tile); });
    if (!counts.are_all(loop)) return false;
  }
  return true;
}

/// Runs a loop in which a helper of the team sleeps inside a tile until `release`. Calls `body`
/// while the helper is busy.
template <class Body>
void with_sleeping_helper(std::atomic<bool>& release, const Body& body) {
  std::atomic<int> inside = 0;
  std::thread other([&] {
    parallel_for(2, [&](Index) {
      ++inside;
      while (!release) std::this_thread::sleep_for(milliseconds(1));
    });
  });
  // Waits until the other thread and a helper are each inside a tile.
  while (inside < 2) std::this_thread::sleep_for(milliseconds(1));
  body();
  other.join();
}

#if !defined(__SANITIZE_THREAD__)
template <class Body>
bool succeeds_in_child(const Body& body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);  // ends a child that hangs
    _exit(body() ? 0 : 1);
  }
  int status = -1;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
#endif

}  // namespace

BOOST_AUTO_TEST_SUITE(team)

BOOST_AUTO_TEST_CASE(every_tile_is_computed_once) {
  for (const int count : {1, 2, 3, 5, 8}) {
    const Threads with(count);
    for (const Index tiles : {1, 2, 3, 7, 64, 1000})
      BOOST_TEST(each_tile_once(tiles, 200), count << " threads, " << tiles << " tiles");
  }
}

BOOST_AUTO_TEST_CASE(results_of_tiles_are_visible_after_the_loop) {
  const Threads with(4);
  std::vector<Index> numbers(64);  // not atomic, so that ThreadSanitizer would report a race
  for (Index loop = 0; loop < 2000; ++loop) {
    parallel_for(64, [&](Index tile) { numbers[static_cast<std::size_t>(tile)] += tile + loop; });
    if (numbers[0] != loop * (loop + 1) / 2) BOOST_FAIL("loop " << loop);
  }
  for (Index tile = 0; tile < 64; ++tile)
    BOOST_TEST(numbers[static_cast<std::size_t>(tile)] == 2000 * tile + 1999 * 1000);
}

BOOST_AUTO_TEST_CASE(helpers_take_part) {
  const Threads with(2);
  const TeamUse before = team_use();
  // While a tile sleeps, the helper can use the core, even if there is only one.
  for (int loop = 0; loop < 20; ++loop)
    parallel_for(8, [](Index) { std::this_thread::sleep_for(milliseconds(1)); });
  const TeamUse use = team_use() - before;
  BOOST_TEST(use.tiles == 160);
  if (processors() > 1) BOOST_TEST(use.by_helpers > 0);
  BOOST_TEST(use.by_helpers < use.tiles);  // the caller takes tiles too
}

BOOST_AUTO_TEST_CASE(loops_inside_tiles_stay_with_their_thread) {
  const Threads with(3);
  Counts counts(50);
  std::atomic<bool> alone = true;
  parallel_for(10, [&](Index outer) {
    const auto self = std::this_thread::get_id();
    if (shares_tiles()) alone = false;
    parallel_for(5, [&](Index inner) {
      counts.add(outer * 5 + inner);
      if (std::this_thread::get_id() != self) alone = false;
    });
  });
  BOOST_TEST(counts.are_all(1));
  BOOST_TEST(alone);
  BOOST_TEST(shares_tiles());
}

BOOST_AUTO_TEST_CASE(several_threads_run_loops_at_the_same_time) {
  const Threads with(3);
  std::atomic<int> right = 0;
  std::vector<std::thread> callers;  // more callers than loops that can be shared at once
  for (int caller = 0; caller < 12; ++caller)
    callers.emplace_back([&, caller] { right += each_tile_once(5 + caller, 300); });
  for (std::thread& caller : callers) caller.join();
  BOOST_TEST(right == 12);
}

// A caller must wait only for tiles that are being computed, and not for a thread that has none of
// its tiles. Otherwise the caller and the helper would wait for `release` forever.
BOOST_AUTO_TEST_CASE(a_helper_that_is_busy_elsewhere_delays_no_caller) {
  const Threads with(2);
  if (processors() < 2 || threads() < 2) return;
  std::atomic<bool> release = false;
  with_sleeping_helper(release, [&] {
    BOOST_TEST(each_tile_once(16, 100));
    release = true;
  });
}

#if defined(__linux__) && !defined(__SANITIZE_THREAD__)
BOOST_AUTO_TEST_CASE(a_bound_caller_does_not_bind_the_helpers) {
  const Threads with(2);
  if (processors() < 2 || threads() < 2) return;
  // In a child process, a thread that is bound to one core starts the team.
  const auto child = [] {
    cpu_set_t all, one;
    sched_getaffinity(0, sizeof all, &all);
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    sched_setaffinity(0, sizeof one, &one);
    parallel_for(8, [](Index) {});
    sched_setaffinity(0, sizeof all, &all);
    const std::thread::id caller = std::this_thread::get_id();
    std::atomic<int> by_helpers = 0, bound = 0;
    for (int loop = 0; loop < 50; ++loop)
      parallel_for(8, [&](Index) {
        cpu_set_t own;
        sched_getaffinity(0, sizeof own, &own);
        if (std::this_thread::get_id() != caller) {
          ++by_helpers;
          if (!CPU_EQUAL(&own, &all)) ++bound;
        }
        std::this_thread::sleep_for(milliseconds(1));
      });
    return processors() >= 2 && by_helpers > 0 && bound == 0;
  };
  BOOST_TEST(succeeds_in_child(child));
}
#endif

BOOST_AUTO_TEST_CASE(a_tile_that_sleeps_delays_the_run_by_its_sleep_once) {
  const Threads with(2);
  constexpr milliseconds sleep(400);
  const auto start = Clock::now();
  for (int loop = 0; loop < 100; ++loop)
    parallel_for(4, [&](Index tile) {
      if (loop == 50 && tile == 3) std::this_thread::sleep_for(sleep);
    });
  const auto taken = Clock::now() - start;
  BOOST_TEST((taken >= sleep));
  BOOST_TEST((taken < 2 * sleep));
}

#if !defined(__SANITIZE_THREAD__)  // ThreadSanitizer does not support threads in a forked child
BOOST_AUTO_TEST_CASE(a_forked_child_starts_a_team_of_its_own) {
  const Threads with(2);
  BOOST_TEST(each_tile_once(16, 100));
  const Array a = Array::filled({300, 300}, DType::f32, 1), c({300, 300}, DType::f32);
  kernel::blas_matmul(a, a, c);  // uses OpenMP's threads, which the child does not have
  BOOST_TEST(succeeds_in_child([&] {
    const bool works = (threads() == 1 || shares_tiles()) && each_tile_once(16, 1000);
    kernel::blas_matmul(a, a, c);
    return works && c.at(0) == 300;
  }));
  BOOST_TEST(each_tile_once(16, 100));  // the parent's team still works
}
#endif

BOOST_AUTO_TEST_SUITE_END()
