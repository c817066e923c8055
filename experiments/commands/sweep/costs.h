// The costs of runs: counted from the plans of their steps, and timed on this machine.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "experiments/commands/sweep/runs.h"

namespace twice::experiments {

/// The maximum number of models that are timed, so that a grid over many models starts soon.
inline constexpr std::size_t most_models = 4;

/// A key of the options that determine a model, or with `steps` the cost of its steps. Runs with
/// equal keys are alike.
std::string cost_key(const Json& config, bool steps);
/// A key made of everything that determines the time of a step.
std::string step_key(const Json& config);

/// The needs of a run, from the plan of its step.
struct RunCost {
  /// Floating-point operations of the steps of one epoch, in units of f32 operations. In f64 a
  /// vector register holds half as many numbers.
  double epoch = 1;
  /// The steps of an epoch.
  double steps = 1;
  /// The plan's memory, two more copies of the parameters for the optimiser, and the data.
  std::size_t bytes = 0;
};

/// The costs of runs by `cost_key(config, true)`.
using RunCosts = std::map<std::string, RunCost>;

/// The cost of all epochs of each run.
std::vector<double> costs_of(const Grid& grid, const RunCosts& costs);

/// Builds each different model once on its data, to find the errors that `train` would find. With
/// `count_flops`, also plans each method's step. Otherwise there are no costs.
RunCosts check_models(const Grid& grid, bool count_flops);

/// Times steps of each different model among the runs (at most four) in both layouts: one run on
/// each core, and one run on all cores. The steps use the runs' own data and run in separate
/// processes. Chooses the layout in which the runs need less time. One run on all cores is chosen
/// only if it saves at least a tenth. Measures nothing if `jobs` is given, if there is one core, or
/// if there is one run.
Layout choose_layout(const std::vector<const GridRun*>& runs, int jobs, int cores);

/// Steps per second of `jobs` runs of this model together, each with `threads` threads. 0 after a
/// stop was requested.
double steps_per_second(const Json& config, int jobs, int threads);

/// `twice sweep --measure-steps CONFIG`, in a separate process. Prepares the run and prints 0. Then
/// reads lines with a number of threads, and for each prints the steps per second with these
/// threads.
int measure_steps(const std::string& config);

}  // namespace twice::experiments
