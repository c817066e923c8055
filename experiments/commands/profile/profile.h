// `./twice profile`: the cost report of one model and method. What a loss, its gradient, H v and a
// step of every method cost in theory and measured; where the time of the method's step goes, by
// op, phase, layer and forward op; how close each is to the machine's bounds; the memory over time.
#pragma once

#include "experiments/run/options.h"

namespace twice::experiments {

struct ProfileOptions {
  RunOptions run;
  /// The methods of the headline; none: every method.
  std::vector<std::string> methods;
  /// Measuring time.
  double seconds = 10;
  bool no_memory = false, no_scaling = false;
  /// Two reports or two programs (commands/bench/turns.h): they are compared, and nothing is
  /// profiled.
  std::vector<std::string> compare;
  /// Of two programs: differences smaller than this share of a time do not count.
  double margin = 0.02;
  /// Not empty: only measure the memory of this row (JSON), and print it. How this program asks
  /// itself: see measure.h.
  std::string measure_memory;
  /// The options that were given.
  OptionWords given;
  /// What compares two programs: `bench` (commands/bench/against.h), of which this command
  /// knows nothing.
  int (*compare_programs)(const OptionWords& words, double margin, const std::string& ours,
                          const std::string& other, const std::string& option) = nullptr;
};

void declare_profile(OptionSet& set, ProfileOptions& options);

/// Prints the report's tables and writes its files to `--out` and its record to `--json`. Returns
/// the exit status.
int profile(ProfileOptions options);

}  // namespace twice::experiments
