// `./twice sweep`: train's options, each of which takes a list; one run for every combination.
#pragma once

#include <map>

#include "experiments/commands/sweep/run_grid.h"

namespace twice::experiments {

struct SweepOptions {
  /// What was given for train's options, word by word.
  std::map<std::string, std::vector<std::string>> values;
  /// 0: --seed, or 1.
  int seeds = 0;
  RandomSearch search;
  GridOptions grid;
  std::string out, json;
  bool dry_run = false;
  /// Not for users: a run's options, of whose steps the time is to be measured.
  std::string measure;
};

void declare_sweep(OptionSet& set, SweepOptions& options);

/// Runs or goes on, prints a row for each setting. Returns the exit status: 1 when a run failed.
int sweep(SweepOptions options);

}  // namespace twice::experiments
