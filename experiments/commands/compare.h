// The main job: one model, one start, one data set, every GR method; what each costs, how exact its
// gradient is, and what training with it gives. As a function, and as `./twice compare`.
#pragma once

#include "experiments/report/result.h"
#include "experiments/run/problem.h"

namespace twice::experiments {

/// The methods that are compared when none are named.
const std::vector<std::string>& compared_methods();

/// The settings of `compare`.
struct CompareSettings {
  std::vector<std::string> methods = compared_methods();
  /// Measuring time of the steps.
  double seconds = 6;
  /// Measure memory in processes of their own: see ProblemProfile (commands/profile/profile.h).
  bool memory = false;
};

/// What `./twice compare` does, with the threads in effect: times steps of all methods in turn,
/// trains with each for the options' epochs, and compares gradients. Throws Stopped after a stop.
Report compare(const Problem& problem, const CompareSettings& settings = {});

/// Declares the options of `./twice compare`.
void declare_compare(OptionSet& set, RunOptions& options);

/// Prints the report, and writes compare.json and report.html to `options.out` (and the JSON to
/// `options.json`). Returns the exit status.
int run_compare(RunOptions options);

}  // namespace twice::experiments
