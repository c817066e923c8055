// Answers requests from another process, and runs the busy loops of neighbours.
#include "experiments/commands/bench/serve.h"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <thread>

#include "autodiff/threads/parallel.h"
#include "experiments/files/record.h"
#include "experiments/measure/steps.h"
#include "experiments/run/machine.h"

namespace twice::experiments {

namespace {

/// The steps of one method. The handicap makes each step longer.
class Served {
 public:
  Served(const Problem& problem, const std::string& name, double handicap)
      : steps_(problem, method(name)), handicap_(handicap) {}

  std::vector<double> time(const BlockTiming& timing) {
    // The handicap is measured at the first request, because other processes may be busy before it.
    // The fastest of several steps approximates an undisturbed step.
    if (handicap_ > 0 && extra_ == 0)
      extra_ =
          handicap_ * std::ranges::min(steps_.timed_block({0.1, timing.settle, timing.lead})) / 1e3;
    return steps_.timed_block(timing, [&] { work(); });
  }

 private:
  /// Works for `extra_` seconds on all threads. If only one thread worked, the others would fall
  /// asleep, and waking them would cost far more.
  void work() const {
    if (extra_ > 0)
      parallel_for(threads(), [&](Index) {
        for (const double end = thread_seconds() + extra_; thread_seconds() < end;) {
        }
      });
  }

  MethodSteps steps_;
  double handicap_, extra_ = 0;
};

/// Loops until the process is killed.
[[noreturn]] void be_busy(const std::string& kind) {
  constexpr std::chrono::milliseconds burst{3};
  std::vector<char> from(kind == "memory" ? std::size_t{32} << 20 : 0, 1), to = from;
  volatile double x = 1;
  for (;;) {
    if (kind == "memory") {
      std::ranges::copy(from, to.begin());
      from.swap(to);
      continue;
    }
    for (const auto end = std::chrono::steady_clock::now() + burst;
         std::chrono::steady_clock::now() < end;)
      for (int i = 0; i < 1000; ++i) x = x * 0.999 + 0.001;
    if (kind == "bursts") std::this_thread::sleep_for(burst);
  }
}

}  // namespace

int serve(const RunOptions& options, double handicap) {
  std::optional<Problem> problem;
  std::map<std::string, Served> served;
  for (std::string line; std::getline(std::cin, line);) {
    const Json request = Json::parse_or_null(line);
    const std::string wanted = text(request, "do");
    if (wanted == "work") be_busy(text(request, "kind"));
    if (!problem) {
      problem = random_problem(options);
      for (const std::string& name : options.methods)
        served.try_emplace(name, *problem, name, handicap);
    }
    Json answer;
    if (wanted == "hello") {
      answer = {{"model", problem->label()}, {"version", TWICE_VERSION}, {"threads", threads()}};
      const Json machine = machine_record();
      for (const char* field : {"compiler", "flags", "products", "blas"})
        answer[field] = machine.at(field);
    } else if (const auto found = served.find(text(request, "method"));
               wanted == "time" && found != served.end()) {
      answer["ms"] = found->second.time(request.get<BlockTiming>());
    } else {
      fail("bench", "--serve: cannot do '{}'", line);
    }
    fmt::print("{}\n", answer.dump());
    std::fflush(stdout);
  }
  return 0;
}

std::deque<Process> start_neighbours(int count, const std::string& kind) {
  std::deque<Process> processes;
  for (int i = 0; i < count; ++i)
    processes.emplace_back(std::vector<std::string>{"/proc/self/exe", "bench", "--serve"})
        .write_line(Json{{"do", "work"}, {"kind", kind}}.dump());
  return processes;
}

}  // namespace twice::experiments
