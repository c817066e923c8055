// `./twice bench`: how fast steps are, of any model and methods or of a suite of models, and beside
// another engine in the same run.
#pragma once

#include "experiments/run/options.h"

namespace twice {

struct BenchOptions {
  RunOptions run;
  /// A suite's name, and what the labels of its models must hold to be run.
  std::string suite, rows;
  double seconds = 10;
  std::string peer, peer_python = "/usr/bin/python3", peer_malloc = "keep";
  bool no_memory = false;
  /// Not empty: only measure the memory of a step of these options (JSON), and print it. How this
  /// program asks itself: see memory.h.
  std::string measure_memory;
};

void add_bench_options(CLI::App& app, BenchOptions& options);

/// Prints a table for each model and the means over all, and writes the record to `--json`. Returns
/// the exit status.
int bench(BenchOptions options);

}  // namespace twice
