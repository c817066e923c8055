// `./twice sweep`: accepts a list for each option of `train` and runs every combination.
#pragma once

#include <map>

#include "experiments/commands/sweep/run_grid.h"

namespace twice::experiments {

struct SweepOptions {
  /// The given values of train's options, word by word.
  std::map<std::string, std::vector<std::string>> values;
  /// Number of seeds. 0: the value of --seed, or 1.
  int seeds = 0;
  RandomSearch search;
  GridOptions grid;
  /// The words of --shard, "" for the whole grid.
  std::string shard;
  SlurmOptions slurm;
  /// All given options, for the script.
  OptionWords given;
  std::string out, json;
  bool dry_run = false;
  /// Internal: the options of a run, as a request to time its steps.
  std::string measure;
};

void declare_sweep(OptionSet& set, SweepOptions& options);

/// Starts or continues the sweep and prints a row for each setting. Returns the exit status, which
/// is 1 if a run failed.
int sweep(SweepOptions options);

}  // namespace twice::experiments
