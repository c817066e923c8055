// Plans the steps of runs to count their costs, and times steps in separate processes.
#include "experiments/commands/sweep/costs.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <sstream>

#include "autodiff/threads/threads.h"
#include "experiments/files/process.h"
#include "experiments/measure/steps.h"
#include "experiments/run/recording.h"
#include "experiments/run/registry.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace {

using Clock = std::chrono::steady_clock;

constexpr double seconds_of_timing = 0.3;
constexpr int least_steps = 2;
// The measurement leaves out the start of a run and its evaluation, which cost less if runs are
// concurrent. Therefore one run on all cores must be faster by this factor.
constexpr double margin = 1.1;

/// Runs of one model in separate processes, ready to take steps.
class Measured {
 public:
  Measured(Json config, int count) {
    config["threads"] = 1;
    for (int i = 0; i < count; ++i)
      processes_.push_back(std::make_unique<Process>(
          std::vector<std::string>{"/proc/self/exe", "sweep", "--measure-steps", config.dump()}));
    for (const auto& process : processes_) answer(*process);
  }

  /// Steps per second of the first `count` runs together, each with `threads` threads, while the
  /// other runs wait. 0 after a stop was requested.
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

/// Equal for runs with the same training, validation and test examples.
std::string data_key(const Json& config) {
  std::string key;
  for (const char* option : {"problem", "data", "input", "classes", "target", "loss", "test-share",
                             "validation-share", "split-seed"})
    key += config.value(option, Json()).dump() + " ";
  return key;
}

RunCost cost_of(const Problem& problem, const Method& method) {
  const RunOptions& options = problem.options;
  const DType dtype = options.number_type();
  const ModelState state = initial_state(problem.model, options.seed_of_weights(), dtype);
  const StepCost planned = planned_cost(problem, method, state);
  const auto steps = static_cast<double>(problem.data.train.size() / options.batch);
  const double flops = std::max(planned.total.flops, 1.0);
  RunCost cost{steps * flops * (dtype == DType::f64 ? 2 : 1), steps,
               static_cast<std::size_t>(planned.peak_mib * 0x1p20)};
  for (const Array& parameter : state.parameters) cost.bytes += 2 * parameter.bytes();
  for (const Dataset* data : {&problem.data.train, &problem.data.test, &problem.data.validation})
    for (const auto& [name, array] : data->arrays) cost.bytes += array.bytes();
  return cost;
}

}  // namespace

std::string cost_key(const Json& config, bool steps) {
  std::string key = data_key(config);
  const auto add = [&](const char* option) { key += config.value(option, Json()).dump() + " "; };
  for (const char* option : {"model", "width", "depth", "channels", "activation", "batch"})
    add(option);
  for (const auto& [option, value] : config.members())
    if (!registry().owner_of(option).empty()) add(option.c_str());
  if (steps)
    for (const char* option : {"method", "dtype", "without"}) add(option);
  return key;
}

std::string step_key(const Json& config) {
  return cost_key(config, false) + config.value("dtype", Json()).dump() +
         config.value("augment", Json()).dump();
}

std::vector<double> costs_of(const Grid& grid, const RunCosts& costs) {
  std::vector<double> result;
  for (const GridRun& run : grid.runs)
    result.push_back(costs.at(cost_key(run.config, true)).epoch *
                     run.config.at("epochs").get<double>());
  return result;
}

RunCosts check_models(const Grid& grid, bool count_flops) {
  std::map<std::string, std::map<std::string, const GridRun*>> by_data;
  for (const GridRun& run : grid.runs)
    by_data[data_key(run.config)].emplace(cost_key(run.config, count_flops), &run);
  RunCosts costs;
  for (const auto& [unused, models] : by_data) {
    const RunOptions first = grid_run_options(models.begin()->second->config, 1);
    const DataSplit data = first.problem.empty() ? load_data(first) : DataSplit{};
    for (const auto& [key, run] : models) {
      const RunOptions options = grid_run_options(run->config, 1);
      const Problem problem =
          first.problem.empty() ? make_problem(options, data) : make_problem(options);
      if (count_flops) costs[key] = cost_of(problem, method(options.methods.at(0)));
    }
  }
  return costs;
}

Layout choose_layout(const std::vector<const GridRun*>& runs, int jobs, int cores) {
  const int count = static_cast<int>(std::max<std::size_t>(runs.size(), 1));
  if (jobs > 0) return {jobs, std::max(cores / jobs, 1), "set by --jobs"};
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
  double apart = 0, together = 0;  // seconds for a step of each run, in each layout
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

double steps_per_second(const Json& config, int jobs, int threads) {
  return Measured(config, jobs).steps_per_second(jobs, threads);
}

int measure_steps(const std::string& config) {
  const RunOptions options = run_options(Json::parse(config));
  const Problem problem = make_problem(options);
  Trainer trainer(problem, method(options.methods.at(0)));
  fmt::print("0\n");  // ready
  std::fflush(stdout);
  for (int count = 0; std::cin >> count && !stop_requested();) {
    set_threads(count);
    trainer.step();  // wakes the threads up, and touches all memory for the first time
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
