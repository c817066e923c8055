// The runs of a sweep: the state of each run, read from its folder, and the record of all runs.
#pragma once

#include <filesystem>

#include "experiments/commands/sweep/grid.h"
#include "experiments/report/runs.h"
#include "experiments/run/trainer.h"

namespace twice::experiments {

/// How a sweep uses the cores.
struct Layout {
  /// The number of concurrent runs, and the threads of each.
  int jobs = 1, threads = 1;
  /// The reason for this layout in words, for the screen and the record.
  std::string reason;

  static void json_fields(auto& self, const auto& visit) {
    visit("jobs", self.jobs);
    visit("threads", self.threads);
    visit("reason", self.reason);
  }
};

enum class RunState { pending, done, failed };

struct RunResult {
  GridRun run;
  /// The folder to which `train` wrote train.json, checkpoint.safetensors and report.html.
  std::filesystem::path folder;
  RunState state = RunState::pending;
  /// For a failed run, the last line that it wrote to stderr.
  std::string error = {};
  /// A label such as `mlp-512x4-b64-relu-f32`. Empty before the end of the first epoch.
  std::string model = {};
  /// The training data and the kinds of kernels, as in the run's record.
  Json data = {}, kernels = {};
  /// The completed epochs.
  std::vector<EpochRecord> curve = {};

  /// The training time of the completed epochs, in seconds.
  double seconds() const;
};

/// Reads the state of a run from its folder: done, or pending with the epochs so far. Throws
/// UsageError, which names the option, if the folder holds the record of another run.
RunResult look_up(const GridRun& run, const std::filesystem::path& folder);

/// The record sweep.json: the axes, the runs, a row for each setting, and the differences between
/// methods. `grid` gives the axes and the options that all runs share. A shard's results are a part
/// of its runs. `layout` is a Layout. With MPI, its member `ranks` is a list with `host`, `jobs`
/// and `threads` of each rank, and `threads` is that of rank 0.
Json sweep_record(const Grid& grid, const std::vector<RunResult>& results, const Json& layout);

/// The grid of such a record. Error messages name `file`.
Grid recorded_grid(const Json& record, const std::filesystem::path& file);

}  // namespace twice::experiments
