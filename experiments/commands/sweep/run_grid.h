// Runs a grid. Each run is a `twice train` in
// a process of its own with a folder of its own, so it is resumed from its checkpoint as train
// resumes it, and one that fails does not stop the others.
#pragma once

#include <vector>

#include "experiments/commands/sweep/runs.h"
#include "experiments/report/write_report.h"

namespace twice::experiments {

struct GridOptions {
  /// Each run gets the folder out/NAME; beside them lies sweep.json.
  std::filesystem::path out;
  /// Runs at a time; 0: one a core or one on all cores, whichever is measured to be faster.
  int jobs = 0;
  /// Cores for all of them together; 0: those that this process may use.
  int threads = 0;
  /// After so many, no more runs are started; 0: no limit.
  double minutes = 0;
  /// As train's.
  int checkpoint_every = 0;
};

/// Runs what is not done yet and returns the grid's runs in its order; states tell which failed or,
/// after Ctrl-C (run/stop.h), are still to do. sweep.json always says how far the folder is; runs
/// of an earlier grid with the same other options stay in it. To be called on the main thread of
/// the program `twice`, which starts itself.
/// Throws UsageError, before anything is created, for options that train would refuse; and when the
/// folder holds runs that do not belong to this grid, or is in use by another process. `page` is
/// the folder's.
std::vector<RunResult> run_grid(Grid grid, const GridOptions& options, LivePage& page);

/// What run_grid would find: the runs' states, nothing changed. The grid gets the names that the
/// folder's axes give it.
std::vector<RunResult> look_up_grid(Grid grid, const std::filesystem::path& out);

/// `twice sweep --measure-steps CONFIG`, in a process of its own: prepares the run and says so with
/// a 0; then, for each line with a number of threads, prints the steps per second with them.
int measure_steps(const std::string& config);

}  // namespace twice::experiments
