// Runs that execute on this machine, each a `twice train` in a process of its own.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "experiments/commands/sweep/grid.h"
#include "experiments/files/process.h"

namespace twice::experiments {

/// The end of a run.
struct RunEnd {
  std::string name;
  /// The reason for a bad end. Empty if the run ended well.
  std::string error;
  /// The node that executed the run. Empty for this one.
  std::string host = {};
  /// The run has not failed. Another place must execute it, for the reason `error`.
  bool again = false;
};

class LocalRuns {
 public:
  /// At most `jobs` runs at a time, with `threads` threads each. `lock` is a descriptor that stays
  /// open in the processes, or -1. `kernels` is the kind of their kernels; "" leaves the choice to
  /// them.
  LocalRuns(int jobs, int threads, int checkpoint_every, int lock, std::string kernels)
      : jobs_(jobs),
        threads_(threads),
        checkpoint_every_(checkpoint_every),
        lock_(lock),
        kernels_(std::move(kernels)) {}

  bool full() const { return running_.size() >= static_cast<std::size_t>(jobs_); }
  std::size_t size() const { return running_.size(); }
  int threads() const { return threads_; }
  /// Starts a run, or continues it if its folder has a checkpoint.
  void start(const GridRun& run, const std::filesystem::path& folder);
  /// The runs that have ended since the last call.
  std::vector<RunEnd> collect();
  /// Sends SIGTERM to all runs.
  void stop();

 private:
  struct Running {
    std::string name;
    /// Null if the process could not be started.
    std::unique_ptr<Process> process;
    std::string error = {};
  };

  int jobs_, threads_, checkpoint_every_, lock_;
  std::string kernels_;
  std::vector<Running> running_;
};

}  // namespace twice::experiments
