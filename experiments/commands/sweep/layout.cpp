// Timing steps in processes that run at the same time.
#include "experiments/commands/sweep/layout.h"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>

#include "autodiff/threads/threads.h"
#include "experiments/files/process.h"
#include "experiments/run/stop.h"
#include "experiments/run/trainer.h"

namespace twice::experiments {

namespace {

constexpr double seconds_of_timing = 0.3;
constexpr int least_steps = 2;
// A run's start and its evaluation are not measured; side by side, they cost less. So one run on
// all cores must be this much faster.
constexpr double margin = 1.1;
// The models that are measured, so that a grid over many of them starts soon.
constexpr std::size_t most_models = 4;

/// Runs of one model in processes of their own, ready to take steps.
class Measured {
 public:
  Measured(Json config, int count) {
    config["threads"] = 1;
    for (int i = 0; i < count; ++i)
      processes_.push_back(std::make_unique<Process>(
          std::vector<std::string>{"/proc/self/exe", "sweep", "--measure-steps", config.dump()}));
    for (const auto& process : processes_) answer(*process);
  }

  /// Steps per second of the first `count` at a time with that many threads each, all of them
  /// together, while the others wait; 0 after a stop was requested.
  double steps_per_second(int count, int threads) {
    for (int i = 0; i < count; ++i) at(i).write_line(std::to_string(threads));
    double sum = 0;
    for (int i = 0; i < count; ++i) sum += answer(at(i));
    return sum;
  }

 private:
  Process& at(int i) { return *processes_[static_cast<std::size_t>(i)]; }

  static double answer(Process& process) {
    const std::optional<std::string> line = process.read_line(stop_requested);
    double value = 0;
    if (stop_requested()) return 0;
    if (!line || !(std::istringstream(*line) >> value))
      fail("sweep", "{}", last_line(process.errors()));
    return value;
  }

  std::vector<std::unique_ptr<Process>> processes_;
};

/// What the time of a step depends on.
std::string step_key(const Json& config) {
  std::string key;
  for (const char* option :
       {"model", "width", "depth", "channels", "activation", "data", "dtype", "batch", "augment"})
    key += config.value(option, Json()).dump() + " ";
  return key;
}

}  // namespace

Layout choose_layout(const std::vector<const GridRun*>& runs, int jobs, int cores) {
  const int count = static_cast<int>(std::max<std::size_t>(runs.size(), 1));
  if (jobs > 0) return {jobs, std::max(cores / jobs, 1), "as --jobs says"};
  if (cores == 1) return {1, 1, "there is one core"};
  if (count == 1) return {1, cores, "there is one run"};
  const Layout each{std::min(cores, count), cores / std::min(cores, count), ""};

  std::map<std::string, std::pair<const GridRun*, double>> models;
  for (const GridRun* run : runs) {
    const std::string key = step_key(run->config);
    if (models.size() == most_models && !models.contains(key)) continue;
    auto& [first, weight] = models[key];
    if (!first) first = run;
    weight += 1;
  }
  double apart = 0, together = 0;  // seconds for a step of each run
  try {
    for (const auto& [key, model] : models) {
      const auto& [run, weight] = model;
      Measured measured(run->config, each.jobs);
      apart += weight / measured.steps_per_second(each.jobs, each.threads);
      together += weight / measured.steps_per_second(1, cores);
      if (stop_requested()) return each;
    }
  } catch (const Error& error) {
    return {each.jobs, each.threads, fmt::format("not measured: {}", error.what())};
  }
  const bool all_cores = together * margin < apart;
  const double ms = 1e3 / static_cast<double>(runs.size());
  const std::string reason = fmt::format(
      "measured: {:.3g} ms a step with one run a core, {:.3g} ms with one run on all cores",
      apart * ms, together * ms);
  return all_cores ? Layout{1, cores, reason} : Layout{each.jobs, each.threads, reason};
}

int measure_steps(const std::string& config) {
  using Clock = std::chrono::steady_clock;
  const RunOptions options = run_options(Json::parse(config));
  const Problem problem = make_problem(options);
  Trainer trainer(problem, method(options.methods.at(0)));
  fmt::print("0\n");  // ready
  std::fflush(stdout);
  for (int count = 0; std::cin >> count && !stop_requested();) {
    set_threads(count);
    trainer.step();  // wakes the threads up, and at first touches all memory
    const Clock::time_point start = Clock::now();
    double seconds = 0;
    int steps = 0;
    while ((seconds < seconds_of_timing || steps < least_steps) && !stop_requested()) {
      trainer.step();
      ++steps;
      seconds = std::chrono::duration<double>(Clock::now() - start).count();
    }
    fmt::print("{}\n", steps / seconds);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace twice::experiments
