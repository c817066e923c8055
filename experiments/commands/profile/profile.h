// The cost report: what a program costs in theory and measured; where its time goes, by op, phase,
// layer and forward op; how close each part is to the machine's bounds; the memory over time. Of a
// problem also what its loss, its gradient, H v and a step of every method cost. As functions, and
// as `./twice profile`.
#pragma once

#include "experiments/measure/steps.h"
#include "experiments/report/result.h"

namespace twice::experiments {

/// The settings of `profile` for a program.
struct PlanProfile {
  /// The arrays of the inputs.
  std::vector<Binding> bindings = {};
  PlanOptions passes = {};
  /// Measuring time.
  double seconds = 2;
  /// What the report calls the program.
  std::string name = "program";
};

/// The report of the program that `Plan{outputs}` runs, whatever recorded it: as of a problem, but
/// without what needs one. Layers are the tape's scopes. Runs the program; the caller's plans are
/// left alone. Records, files: docs/records.md.
///
///     const Report report = profile({loss, gradient}, {.bindings = {{x, images}, {y, labels}}});
///     fmt::print("{}", report.text);
///     report.write("runs/mine");
Report profile(std::initializer_list<Tensors> outputs, const PlanProfile& options = {});

/// The settings of `profile` for a problem.
struct ProblemProfile {
  /// Whose step is profiled.
  std::string method = "exact";
  /// The methods of the headline; none: every method.
  std::vector<std::string> methods = {};
  /// Measuring time, scaling left out.
  double seconds = 10;
  /// Measure memory in processes of their own. They are this program, which must be one whose
  /// `main` calls App::run, and whose options make the problem.
  bool memory = false;
  /// Time other depths, widths, batches and threads of a model that the options make.
  bool scaling = false;
};

/// What `./twice profile` does, with the threads in effect. Throws Stopped (run/stop.h) after a
/// stop.
Report profile(const Problem& problem, const ProblemProfile& options = {});

/// The options of `./twice profile`.
struct ProfileOptions {
  RunOptions run;
  ProblemProfile profile;
  bool no_memory = false, no_scaling = false;
  /// Two reports or two programs (commands/bench/turns.h): they are compared, and nothing is
  /// profiled.
  std::vector<std::string> compare;
  /// Of two programs: differences smaller than this share of a time do not count.
  double margin = 0.02;
  /// Not empty: only measure the memory of this row (JSON), and print it. How this program asks
  /// itself: see rows.h.
  std::string measure_memory;
  /// The options that were given.
  OptionWords given;
  /// What compares two programs: `bench` (commands/bench/against.h), of which this command
  /// knows nothing.
  int (*compare_programs)(const OptionWords& words, double margin, const std::string& ours,
                          const std::string& other, const std::string& option) = nullptr;
};

/// Declares the options of `./twice profile`.
void declare_profile(OptionSet& set, ProfileOptions& options);

/// Prints the report, and writes its files to `--out` and its record to `--json`. Returns the exit
/// status.
int run_profile(ProfileOptions options);

}  // namespace twice::experiments
