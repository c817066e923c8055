// Runs a grid. Each run is a `twice train` in a process and a folder of its own. `train` resumes an
// interrupted run from its checkpoint, and a failed run does not stop the others.
#pragma once

#include <vector>

#include "experiments/commands/sweep/runs.h"
#include "experiments/commands/sweep/shards.h"
#include "experiments/mpi/ranks.h"
#include "experiments/report/write_report.h"

namespace twice::experiments {

struct GridOptions {
  /// Each run gets the folder out/NAME. The file out/sweep.json lies beside these folders.
  std::filesystem::path out;
  /// Number of concurrent runs. 0: one run on each core or one run on all cores, whichever is
  /// faster in a measurement.
  int jobs = 0;
  /// Cores for all runs together. 0: the cores that this process may use.
  int threads = 0;
  /// After this many minutes, no more runs start. 0: no limit.
  double minutes = 0;
  /// The option of `train`.
  int checkpoint_every = 0;
  /// Only this part of the runs. Its record is out/shard-3-of-16/sweep.json. Shards may share `out`
  /// at one time. A sweep without a shard has `out` alone, and takes over the shards' records.
  Shard shard;
  /// The ranks of MPI, of which this is rank 0, or null. With ranks, each has `jobs` runs at a time
  /// (0: one), and `threads` are the cores of each (0: its share of its node's cores). The runs
  /// are handed out longest first.
  Ranks* ranks = nullptr;

  /// The folder of this process's record.
  std::filesystem::path record_folder() const { return shard ? out / shard.folder() : out; }
};

/// Runs all pending runs and returns the grid's runs in order. Their states show which runs failed
/// and, after Ctrl-C (run/stop.h), which are still pending. sweep.json always describes the state
/// of the folder. Runs of an earlier grid with the same constant options remain in the folder. The
/// caller must be the main thread of the program `twice`, which starts itself.
///
/// Throws UsageError, before anything is created, for options that `train` would reject. Throws
/// UsageError too if the folder holds runs of a different sweep or if another process uses it.
/// `page` is the page of the folder.
std::vector<RunResult> run_grid(Grid grid, const GridOptions& options, LivePage& page);

/// The current states of the runs, without any change to the folder. The grid gets the names that
/// the folder's axes imply.
std::vector<RunResult> look_up_grid(Grid grid, const GridOptions& options);

/// The need of the longest of `parts` parts that each have `options.threads` cores.
Forecast forecast(Grid grid, const GridOptions& options, int parts);

}  // namespace twice::experiments
