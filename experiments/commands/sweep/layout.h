// How a sweep uses the cores: one run on each, or one run on all of them after the other.
#pragma once

#include <string>
#include <vector>

#include "experiments/commands/sweep/grid.h"

namespace twice::experiments {

struct Layout {
  /// Runs at a time, and threads of each.
  int jobs = 1, threads = 1;
  /// Why, in words, for the screen and the record.
  std::string reason;
};

/// Steps of each different model among the runs (of the first four) are timed both ways, on their
/// own data in processes of their own, and the way is taken in which the runs would need less time
/// (all cores only where that saves a tenth). Not measured: a `jobs` that is given, one core, one
/// run.
Layout choose_layout(const std::vector<const GridRun*>& runs, int jobs, int cores);

/// What `twice sweep --measure-steps CONFIG` does in such a process: prepares the run and says so
/// with a 0; then, for each line with a number of threads, prints the steps per second with them.
int measure_steps(const std::string& config);

}  // namespace twice::experiments
