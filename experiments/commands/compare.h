// The main job: trains one model from one start on one data set with every GR method, and compares
// the cost of each method, the error of its gradient, and the result of the training. Available as
// a function and as `./twice compare`.
#pragma once

#include "experiments/report/result.h"
#include "experiments/run/problem.h"

namespace twice::experiments {

/// The methods that are compared by default.
const std::vector<std::string>& compared_methods();

/// The settings of `compare`.
struct CompareSettings {
  std::vector<std::string> methods = compared_methods();
  /// How long to time the steps, in seconds.
  double seconds = 6;
  /// Measure memory in separate processes; see ProblemProfile (commands/profile/profile.h).
  bool memory = false;
};

/// Times steps of all methods in turn, trains with each method for the options' epochs, and
/// compares the gradients. Uses the threads in effect. Throws Stopped after a stop.
Report compare(const Problem& problem, const CompareSettings& settings = {});

}  // namespace twice::experiments
