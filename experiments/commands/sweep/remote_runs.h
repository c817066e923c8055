// Runs that execute on other ranks of MPI. Rank 0 hands them out, and each rank executes its own. A
// rank that cannot read the folder of rank 0 works in a temporary folder inside a folder of the
// same name on its own disk. It gets the files of its runs from rank 0, and sends each change back.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "experiments/commands/sweep/local_runs.h"
#include "experiments/commands/sweep/run_grid.h"
#include "experiments/mpi/ranks.h"

namespace twice::experiments {

/// Rank 0's part.
class RemoteRuns {
 public:
  /// Finds out which ranks share the folder. Each rank has `jobs` runs at a time.
  RemoteRuns(Ranks& ranks, const std::filesystem::path& out, int jobs, int threads_of_rank);

  /// The threads of each run on the free rank with the most threads. 0 if no rank is free.
  int threads_when_free();
  /// Starts a run on that rank.
  void start(const GridRun& run, const std::filesystem::path& folder);
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
    std::map<std::string, GridRun> running = {};
  };

  Worker& worker(int rank) { return workers_[static_cast<std::size_t>(rank)]; }
  int best();
  void find_folders();
  void give_up(int rank, const std::string& why, std::vector<RunEnd>& ends);
  void take(const Message& message, std::vector<RunEnd>& ends);

  Ranks& ranks_;
  std::filesystem::path out_;
  int jobs_;
  /// By rank. That of rank 0 only has its threads.
  std::vector<Worker> workers_;
};

/// The threads of each of `jobs` runs on a rank. `given` is --threads, which replaces its share of
/// the cores.
int threads_of_runs(const Ranks& ranks, int rank, int given, int jobs);

/// Executes the runs that rank 0 hands out, until rank 0 ends the work. Returns the exit status. If
/// rank 0 is lost, stops the runs with a checkpoint and returns 1.
int serve_runs(Ranks& ranks, const GridOptions& options);

}  // namespace twice::experiments
