// Divides a grid into shards: parts of about equal cost, each for a process of its own. Writes the
// script of a Slurm array job that runs them.
#pragma once

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "experiments/app/option_set.h"

namespace twice::experiments {

/// Part `part` of `parts`, from 1. 0 of 0 is the whole grid.
struct Shard {
  int part = 0, parts = 0;

  explicit operator bool() const { return parts > 0; }
  /// The folder of the shard's own record, such as "shard-3-of-16". It lies beside the runs.
  std::string folder() const;
};

/// The largest number of shards. By default, Slurm limits the index of an array job to 1000.
inline constexpr int most_shards = 1000;

/// Accepts "" and "3/16".
Accepted shard_word();
/// The shard that an accepted word names.
Shard shard_of(const std::string& word);

/// The part of each run, from 1. Runs are dealt longest first, each to the part with the least cost
/// so far. Equal runs and equal parts are taken in order, so the result depends on the costs alone.
std::vector<int> deal(const std::vector<double>& costs, int parts);

/// The total cost of each part.
std::vector<double> part_costs(const std::vector<double>& costs, const std::vector<int>& dealt,
                               int parts);

/// The needs of the longest part of a grid.
struct Forecast {
  /// The time of the training steps.
  double seconds = 0;
  std::size_t bytes = 0;
  /// The maximum number of runs in a part.
  int runs = 0;

  /// The time limit of a job in minutes: three times the prediction, for evaluations and slower
  /// nodes, and 10 minutes.
  long limit_minutes() const { return std::lround(std::ceil(3 * seconds / 60)) + 10; }
  /// The memory of a job in MiB: 1.5 times the planned memory, and 256 MiB for the program.
  long limit_mib() const {
    return std::lround(std::ceil(1.5 * static_cast<double>(bytes) / (1 << 20))) + 256;
  }
};

struct SlurmOptions {
  /// The file of the script. "" writes none.
  std::string file;
  /// 0: one part for each run, at most 16.
  int shards = 0;
  /// "" leaves the choice to Slurm.
  std::string partition;
};

/// The script for sbatch. `given` holds the options of the sweep, `out` its folder. Each part has
/// `threads` cores.
std::string job_script(const SlurmOptions& slurm, const OptionWords& given,
                       const std::filesystem::path& out, int threads, const Forecast& forecast);

}  // namespace twice::experiments
