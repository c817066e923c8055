// The runs of a sweep: how far each is, read from its folder, and the record of all.
#pragma once

#include <filesystem>

#include "experiments/commands/sweep/grid.h"
#include "experiments/run/trainer.h"

namespace twice::experiments {

/// How a sweep uses the cores.
struct Layout {
  /// Runs at a time, and threads of each.
  int jobs = 1, threads = 1;
  /// Why, in words, for the screen and the record.
  std::string reason;
};

enum class RunState { pending, done, failed };

struct RunResult {
  GridRun run;
  /// What `train` wrote to: train.json, checkpoint.safetensors, report.html.
  std::filesystem::path folder;
  RunState state = RunState::pending;
  /// Of a failed run, the last line that it wrote to stderr.
  std::string error = {};
  /// Such as `mlp-512x4-b64-relu-f32`; empty before the first epoch's end.
  std::string model = {};
  /// What it was trained on, as in its record.
  Json data = {};
  /// The epochs that are complete.
  std::vector<EpochRecord> curve = {};

  int epochs() const { return run.config.at("epochs"); }
  /// The training time of these epochs.
  double seconds() const;
};

/// Reads what the run's folder holds: done, or pending with the epochs so far. Throws UsageError,
/// naming the option, when it holds the record of another run.
RunResult look_up(const GridRun& run, const std::filesystem::path& folder);

/// The record, sweep.json: what varies, the runs, a row for each setting, and how methods differ.
Json sweep_record(const std::vector<std::string>& axes, const std::vector<RunResult>& results,
                  const Layout& layout);

/// The layout that such a record names; a default one where it does not.
Layout recorded_layout(const Json& record);

/// The grid that such a record is of. `file` is for the error's words.
Grid recorded_grid(const Json& record, const std::filesystem::path& file);

}  // namespace twice::experiments
