// Steps that are timed for another process.
#include "experiments/measure/served_steps.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <iostream>

#include "autodiff/threads/parallel.h"
#include "experiments/files/record.h"
#include "experiments/measure/our_step.h"
#include "experiments/measure/statistics.h"
#include "experiments/run/machine.h"

namespace twice::experiments {

namespace {

/// Processor time of the calling thread, in seconds: a neighbour does not lengthen it.
double thread_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// One method's steps, with a handicap.
class Served {
 public:
  Served(const Problem& problem, const std::string& name, double handicap)
      : step_(problem, method(name)), handicap_(handicap) {}

  std::vector<double> time(const BlockTiming& timing) {
    // Not before its first turn: until then other processes may be at work.
    if (handicap_ > 0 && extra_ == 0) extra_ = handicap_ * undisturbed_seconds();
    return timed_block([&] { run(); }, timing);
  }

 private:
  /// The time that a step takes when nothing disturbs it: the least of some, in seconds.
  double undisturbed_seconds() {
    return std::ranges::min(timed_block([&] { step_.run(); }, {0.1, 0.003, 0.02})) / 1e3;
  }

  /// A step, lengthened by `extra_` seconds of work of all threads: a thread that had to wait would
  /// fall asleep, and waking it costs far more.
  void run() {
    step_.run();
    if (extra_ > 0)
      parallel_for(threads(), [&](Index) {
        for (const double end = thread_seconds() + extra_; thread_seconds() < end;) {
        }
      });
  }

  OurStep step_;
  double handicap_, extra_ = 0;
};

}  // namespace

int serve_steps(const RunOptions& options, double handicap) {
  const Problem problem = random_problem(options);
  std::map<std::string, Served> served;
  for (const std::string& name : options.methods) served.try_emplace(name, problem, name, handicap);

  for (std::string line; std::getline(std::cin, line);) {
    const Json request = Json::parse_or_null(line);
    const std::string wanted = text(request, "do");
    Json answer;
    if (wanted == "hello") {
      const Json machine = machine_record();
      answer = {{"model", problem.label()},     {"version", TWICE_VERSION},
                {"threads", threads()},         {"compiler", machine.at("compiler")},
                {"flags", machine.at("flags")}, {"products", machine.at("products")},
                {"blas", machine.at("blas")}};
    } else if (const auto found = served.find(text(request, "method"));
               wanted == "time" && found != served.end()) {
      const BlockTiming timing{number(request, "seconds"), number(request, "settle"),
                               number(request, "lead")};
      answer = {{"ms", found->second.time(timing)}};
    } else {
      fail("bench", "--serve: cannot do '{}'", line);
    }
    fmt::print("{}\n", answer.dump());
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace twice::experiments
