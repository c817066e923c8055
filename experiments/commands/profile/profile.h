// The cost report of a program. It has the theoretical and the measured cost, the time by op,
// phase, layer and forward op, the distance of each part from the machine's bounds, and the memory
// over time. For a problem, the report also has the cost of the loss, the gradient, H v and a step
// of every method. Available as functions and as `./twice profile`.
#pragma once

#include "experiments/measure/steps.h"
#include "experiments/report/result.h"

namespace twice::experiments {

/// The settings of `profile` for a program.
struct PlanProfile {
  /// The arrays of the inputs.
  std::vector<Binding> bindings = {};
  PlanOptions passes = {};
  /// Measuring time, in seconds.
  double seconds = 2;
  /// The name of the program in the report.
  std::string name = "program";
};

/// The report of the program that `Plan{outputs}` runs, whatever code recorded it. It is like the
/// report of a problem, without the parts that need a problem. The tape's scopes are the layers.
/// Runs the program, but leaves the caller's plans unchanged. docs/records.md describes the record
/// and the files.
///
///     const Report report = profile({loss, gradient}, {.bindings = {{x, images}, {y, labels}}});
///     fmt::print("{}", report.text);
///     report.write("runs/mine");
Report profile(std::initializer_list<Tensors> outputs, const PlanProfile& options = {});

/// The settings of `profile` for a problem.
struct ProblemProfile {
  /// The method whose step is profiled.
  std::string method = "exact";
  /// The program of that step, for a method with several (optim/gradient_regularization.h). The
  /// headline shows means over the programs.
  int program = 0;
  /// The methods of the headline. If empty: every method.
  std::vector<std::string> methods = {};
  /// Measuring time in seconds, without the scaling.
  double seconds = 10;
  /// Measure memory in separate processes. They run this program again, so its `main` must call
  /// App::run, and its options must be able to make the problem.
  bool memory = false;
  /// Time other depths, widths, batches and threads. Requires a model that the options make.
  bool scaling = false;
};

/// Does the work of `./twice profile` with the threads in effect. Throws Stopped (run/stop.h) after
/// a stop.
Report profile(const Problem& problem, const ProblemProfile& options = {});

}  // namespace twice::experiments
