// The places where the runs of a sweep execute: this process's machine and, with MPI, those of the
// other ranks. Rank 0 hands the runs out, and each rank executes its own. A rank that cannot read
// the folder of rank 0 works in a temporary folder inside a folder of the same name on its own
// disk. It gets the files of its runs from rank 0, and sends each change back.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "experiments/commands/sweep/run_grid.h"
#include "experiments/files/process.h"
#include "experiments/mpi/ranks.h"

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

/// Runs on this machine, each a `twice train` in a process of its own.
class LocalRuns {
 public:
  /// At most `jobs` runs at a time, with `threads` threads each. `lock` is a descriptor that stays
  /// open in the processes, or -1.
  LocalRuns(int jobs, int threads, int checkpoint_every, int lock = -1)
      : jobs_(jobs), threads_(threads), checkpoint_every_(checkpoint_every), lock_(lock) {}

  std::size_t size() const { return running_.size(); }
  int jobs() const { return jobs_; }
  int threads() const { return threads_; }
  /// Starts a run, or continues it if its folder has a checkpoint. `kernels` is the kind of its
  /// kernels; "" leaves the choice to the process.
  void start(const GridRun& run, const std::filesystem::path& folder, const std::string& kernels);
  /// The runs that have ended since the last call.
  std::vector<RunEnd> collect();
  /// Sends SIGTERM to all runs.
  void stop();

 private:
  int jobs_, threads_, checkpoint_every_, lock_;
  std::map<std::string, std::unique_ptr<Process>> running_;
  std::vector<RunEnd> ended_;
};

/// The places of a sweep, as rank 0 or a sweep without MPI sees them.
class Places {
 public:
  /// `local` executes the runs of this process. Finds out which ranks share the folder. `ranks` may
  /// be null.
  Places(LocalRuns local, Ranks* ranks, const GridOptions& options);

  /// Starts a run at the free place that gives it the most threads. Returns false if no place is
  /// free.
  bool start(const GridRun& run, const std::filesystem::path& folder);
  /// The runs that have ended since the last call. Waits up to `wait` for the first one. Writes the
  /// files that have arrived. A line on stderr reports a rank that is given up.
  std::vector<RunEnd> collect(std::chrono::milliseconds wait);
  void stop();
  /// The nodes and threads of all ranks, for the record.
  Json layout() const;
  /// The number of ranks that take runs, including rank 0.
  int ranks() const;

 private:
  struct Worker {
    int threads = 1;
    /// Unless `usable`, the rank gets no more runs.
    bool usable = true, shares = false;
    /// The names of the runs.
    std::set<std::string> running = {};
  };

  Worker& worker(int rank) { return workers_[static_cast<std::size_t>(rank)]; }
  void find_folders();
  void give_up(int rank, const std::string& why, std::vector<RunEnd>& ends);
  void take(const Message& message, std::vector<RunEnd>& ends);

  LocalRuns local_;
  Ranks* ranks_;
  std::filesystem::path out_;
  /// By rank. Without MPI, there is only this process.
  std::vector<Worker> workers_;
};

/// The number of runs at a time of each rank.
int jobs_of_ranks(const GridOptions& options);
/// The threads of each run on a rank.
int threads_of_runs(const Ranks& ranks, int rank, const GridOptions& options);

/// Executes the runs that rank 0 hands out, until rank 0 ends the work. Returns the exit status. If
/// rank 0 is lost, stops the runs with a checkpoint and returns 1.
int serve_runs(Ranks& ranks, const GridOptions& options);

}  // namespace twice::experiments
