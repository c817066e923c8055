// `./twice bench`: measures the time of a step, for any model and methods or for a suite of models,
// optionally beside another engine in the same run. `--against` compares two programs.
#pragma once

#include "experiments/run/options.h"

namespace twice::experiments {

struct BenchOptions {
  RunOptions run;
  /// The name of a suite. Models run only if their labels contain `rows`.
  std::string suite, rows;
  /// Measuring time for each model in seconds. The default is 30 with `against`, otherwise 10.
  std::optional<double> seconds;
  /// Another program to compare with this one (against.cpp). The other two are percentages:
  /// differences below `same_within` do not count, and a slowdown above `fail_if_slower`, if set,
  /// has its own exit status.
  std::string against, same_within = "2%", fail_if_slower;
  std::string peer, peer_python = "/usr/bin/python3", peer_malloc = "keep";
  bool no_memory = false, no_prediction = false;
  /// The number of busy processes that run during the measurement (serve.h).
  int neighbours = 0;
  std::string neighbour_kind = "cpu";
  /// If not empty: a request as JSON. The process then only measures the memory of a step with
  /// these options and prints it. A function in measure/steps.h starts this program this way.
  std::string measure_memory;
  /// If set, the process only times steps on request (serve.h). `handicap` lengthens each step by
  /// this fraction.
  bool serve = false;
  double handicap = 0;
};

void declare_bench(OptionSet& set, BenchOptions& options);

/// Checks conditions that the option parser does not check, and fills in the defaults of bench:
/// random data, and plain sgd with a very small learning rate. The parameters thus keep the scale
/// of a new network, however many steps are timed.
void complete(BenchOptions& options);

/// The models to measure. Each element holds the options in which a model differs from
/// `options.run`.
std::vector<Json> models_of(const BenchOptions& options);

/// Every option, for the record.
Json config_of(const BenchOptions& options);

/// Compares two programs on each model, prints a table, and writes the record (docs/records.md).
/// `ours` and `other` are each a word for `find_program` or a list of options. A list of options
/// means this program with these options in place of its own, and "" means this program. Error
/// messages name `option`. Returns the exit status. Throws Stopped if a stop was requested.
int compare_programs(const BenchOptions& options, const std::string& ours, const std::string& other,
                     const std::string& option);

}  // namespace twice::experiments
