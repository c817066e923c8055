// The costs of runs: counted from the plans of their steps, and timed on this machine.
#pragma once

#include <string>
#include <vector>

#include "experiments/commands/sweep/runs.h"
#include "experiments/commands/sweep/shards.h"

namespace twice::experiments {

/// The cost of all epochs of each run.
std::vector<double> costs_of(const Grid& grid);

/// Builds each different model once on its data, to find the errors that `train` would find. With
/// `count_flops`, also plans each method's step and sets the costs of the runs. Returns the
/// checksums of the runs' files, by name.
Checksums check_models(Grid& grid, bool count_flops);

/// Times steps of each different model among the runs (at most four) in both layouts: one run on
/// each core, and one run on all cores. The steps use the runs' own data and run in separate
/// processes. Chooses the layout in which the runs need less time. One run on all cores is chosen
/// only if it saves at least a tenth. Measures nothing if `jobs` is given, if there is one core, or
/// if there is one run.
Layout choose_layout(const std::vector<const GridRun*>& runs, int jobs, int cores);

/// The need of the longest of `parts` parts of a grid with counted costs, each with `jobs` runs at
/// a time (0: one on each core) and `threads` cores. Times steps of at most four different models
/// on this machine, which gives the time of a FLOP.
Forecast longest_part(const Grid& grid, int jobs, int threads, int parts);

/// `twice sweep --measure-steps CONFIG`, in a separate process. Prepares the run and prints 0. Then
/// reads lines with a number of threads, and for each prints the steps per second with these
/// threads.
int measure_steps(const std::string& config);

}  // namespace twice::experiments
