// Plans the steps of runs to count their costs, and times steps in separate processes.
#include "experiments/commands/sweep/costs.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <iostream>
#include <map>

#include "autodiff/threads/threads.h"
#include "experiments/files/process.h"
#include "experiments/files/words.h"
#include "experiments/measure/statistics.h"
#include "experiments/measure/steps.h"
#include "experiments/run/recording.h"
#include "experiments/run/registry.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

namespace {

// The measurement leaves out the start of a run and its evaluation, which cost less if runs are
// concurrent. Therefore one run on all cores must be faster by this factor.
constexpr double margin = 1.1;

/// Runs of one model in separate processes, ready to take steps.
class Measured {
 public:
  Measured(Json config, int count) {
    config["threads"] = 1;
    for (int i = 0; i < count; ++i)
      processes_.emplace_back(
          std::vector<std::string>{"/proc/self/exe", "sweep", "--measure-steps", config.dump()});
    for (Process& process : processes_) answer(process);
  }

  /// Steps per second of the first `count` runs together, each with `threads` threads, while the
  /// other runs wait. 0 after a stop was requested.
  double steps_per_second(int count, int threads) {
    const auto end = processes_.begin() + count;
    for (auto process = processes_.begin(); process != end; ++process)
      process->write_line(std::to_string(threads));
    double sum = 0;
    for (auto process = processes_.begin(); process != end; ++process) sum += answer(*process);
    return sum;
  }

 private:
  static double answer(Process& process) {
    const std::optional<std::string> line = process.read_line(stop_requested);
    if (stop_requested()) return 0;
    const std::optional<double> rate = parsed<double>(line.value_or(""));
    if (!rate) fail("sweep", "{}", last_line(process.errors()));
    return *rate;
  }

  std::deque<Process> processes_;
};

/// A key that is equal for runs with the same values of these options.
std::string key_of(const Json& config, const std::vector<std::string>& options) {
  std::string key;
  for (const std::string& option : options) key += config.value(option, Json()).dump() + " ";
  return key;
}

/// Equal for runs with the same training, validation and test examples.
std::string data_key(const Json& config) {
  return key_of(config, {"problem", "data", "input", "classes", "target", "loss", "test-share",
                         "validation-share", "split-seed"});
}

/// Equal for runs with the same model.
std::string model_key(const Json& config) {
  std::string key = data_key(config) + key_of(config, options_of_models);
  for (const auto& [option, value] : config.members())
    if (!registry().owner_of(option).empty()) key += value.dump() + " ";
  return key;
}

/// Runs whose steps are timed, one of each kind, and the number of runs of that kind.
using Samples = std::map<std::string, std::pair<const GridRun*, double>>;

/// Runs are of one kind if their steps take equally long.
Samples samples_of(const std::vector<const GridRun*>& runs) {
  // A grid over many models starts soon.
  constexpr std::size_t most_models = 4;
  Samples samples;
  for (const GridRun* run : runs) {
    const std::string key = model_key(run->config) + key_of(run->config, {"dtype", "augment"});
    if (samples.size() == most_models && !samples.contains(key)) continue;
    auto& [first, count] = samples[key];
    if (!first) first = run;
    count += 1;
  }
  return samples;
}

RunCost cost_of(const Problem& problem, const Method& method) {
  const RunOptions& options = problem.options;
  const DType dtype = options.number_type();
  const StepCost planned = planned_cost(problem, method);
  const auto steps = static_cast<double>(problem.data.train.size() / options.batch);
  const double flops = std::max(planned.total.flops, 1.0);
  RunCost cost{steps * flops * (dtype == DType::f64 ? 2 : 1), steps,
               static_cast<std::size_t>(planned.peak_mib * 0x1p20)};
  cost.bytes += 2 * static_cast<std::size_t>(problem.model.parameter_count()) * size_of(dtype);
  for (const Dataset* data : {&problem.data.train, &problem.data.test, &problem.data.validation})
    for (const auto& [name, array] : data->arrays) cost.bytes += array.bytes();
  return cost;
}

}  // namespace

std::vector<double> costs_of(const Grid& grid) {
  std::vector<double> result;
  for (const GridRun& run : grid.runs) result.push_back(run.cost.epoch * run.epochs());
  return result;
}

Checksums check_models(Grid& grid, bool count_flops) {
  Checksums checksums;
  std::map<std::string, std::map<std::string, std::vector<GridRun*>>> by_data;
  for (GridRun& run : grid.runs) {
    std::string key = model_key(run.config) + key_of(run.config, {"init"});
    if (count_flops) key += key_of(run.config, {"method", "dtype", "without"});
    by_data[data_key(run.config)][key].push_back(&run);
  }
  for (const auto& [unused, models] : by_data) {
    const RunOptions first = run_options(models.begin()->second[0]->config);
    const DataSplit data = first.problem.empty() ? load_data(first) : DataSplit{};
    for (const auto& [key, runs] : models) {
      const RunOptions options = run_options(runs[0]->config);
      const Problem problem =
          first.problem.empty() ? make_problem(options, data) : make_problem(options);
      checksums.merge(checksums_of(data_record(problem)));
      if (!count_flops) continue;
      const RunCost cost = cost_of(problem, method(options.methods.at(0)));
      for (GridRun* run : runs) run->cost = cost;
    }
  }
  return checksums;
}

Layout choose_layout(const std::vector<const GridRun*>& runs, int jobs, int cores) {
  const int count = static_cast<int>(runs.size());
  if (jobs > 0) return {jobs, std::max(cores / jobs, 1), "set by --jobs"};
  if (cores == 1) return {1, 1, "there is one core"};
  if (count == 1) return {1, cores, "there is one run"};
  const Layout each{std::min(cores, count), cores / std::min(cores, count), ""};

  double apart = 0, together = 0;  // seconds for a step of each run, in each layout
  try {
    for (const auto& [kind, sample] : samples_of(runs)) {
      const auto& [run, weight] = sample;
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

Forecast longest_part(const Grid& grid, int jobs, int threads, int parts) {
  const std::vector<double> costs = costs_of(grid);
  const std::vector<int> dealt = deal(costs, parts);
  Forecast result;
  for (int part = 1; part <= parts; ++part)
    result.runs = std::max(result.runs, static_cast<int>(std::ranges::count(dealt, part)));
  const int together = std::min(jobs > 0 ? jobs : threads, result.runs);
  std::vector<const GridRun*> runs;
  for (const GridRun& run : grid.runs) {
    runs.push_back(&run);
    result.bytes = std::max(result.bytes, run.cost.bytes * static_cast<std::size_t>(together));
  }
  double flops = 0, seconds = 0;
  for (const auto& [kind, sample] : samples_of(runs)) {
    const GridRun& run = *sample.first;
    flops += run.cost.epoch;
    seconds +=
        run.cost.steps /
        Measured(run.config, together).steps_per_second(together, std::max(threads / together, 1));
  }
  // `seconds` is for that many runs at a time. One run alone takes that many times as long.
  const double longest = std::max(std::ranges::max(part_costs(costs, dealt, parts)),
                                  together * std::ranges::max(costs));
  result.seconds = longest / flops * seconds;
  return result;
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
    const BlockTiming timing{.seconds = 0.3, .settle = 0, .lead = 0};
    fmt::print("{}\n", 1e3 / mean(timed_block([&] { trainer.step(); }, timing)));
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace twice::experiments
