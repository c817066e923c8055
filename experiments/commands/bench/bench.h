// `./twice bench`: how fast steps are, of any model and methods or of a suite of models, and beside
// another engine in the same run.
#pragma once

#include "experiments/run/options.h"

namespace twice::experiments {

struct BenchOptions {
  RunOptions run;
  /// A suite's name, and what the labels of its models must hold to be run.
  std::string suite, rows;
  /// Measuring time for a model; by default 30 with `against`, else 10.
  std::optional<double> seconds;
  /// Another program to compare this one with (against.h). Two percentages: smaller
  /// differences do not count, and a larger one, unless empty, has an exit status of its own.
  std::string against, same_within = "2%", fail_if_slower;
  std::string peer, peer_python = "/usr/bin/python3", peer_malloc = "keep";
  bool no_memory = false, no_prediction = false;
  /// So many busy processes run beside the measurement (serve.h).
  int neighbours = 0;
  std::string neighbour_kind = "cpu";
  /// Not empty: only measure the memory of a step of these options (JSON), and print it. How this
  /// program asks itself: see steps.h.
  std::string measure_memory;
  /// Only time steps on request, each longer than it is by the share `handicap`: serve.h.
  bool serve = false;
  double handicap = 0;
  /// The options that were given, for another process.
  OptionWords given;
};

void declare_bench(OptionSet& set, BenchOptions& options);

/// Checks what the command line cannot, and fills in a bench's own defaults: random data, and plain
/// sgd with steps so small that the numbers stay as they are in a network at its start, however
/// many steps are timed.
void complete(BenchOptions& options);

/// The models that are measured: of each, the options in which it differs from `options.run`.
std::vector<Json> models_of(const BenchOptions& options);

/// Every option, for the record.
Json config_of(const BenchOptions& options);

/// Prints a table for each model and the means over all, and writes the record to `--json`. Returns
/// the exit status.
int bench(BenchOptions options);

}  // namespace twice::experiments
