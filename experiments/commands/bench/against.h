// `./twice bench --against OTHER`: is this program faster than another build, than another
// revision, or than itself with other options? Processes of both take turns; see
// measure/paired.h for how the answer comes about.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "experiments/files/json.h"
#include "experiments/measure/other_program.h"
#include "experiments/run/options.h"

namespace twice::experiments {

struct AgainstOptions {
  /// Measuring time for a model.
  double seconds;
  /// Differences below this share of the time do not count.
  double margin;
  /// Slower by more than this share: the exit status is `slower_status`.
  std::optional<double> fail_if_slower;
  std::string json;
  /// Whether both sides may go on with one thread where other work makes times too noisy.
  bool may_change_threads = true;
};

/// The status of a comparison that `--fail-if-slower` ends.
inline constexpr int slower_status = 3;

/// One model: its options as words for either side, and its methods, which are paired in order.
struct AgainstModel {
  OptionWords ours, others;
  std::vector<std::string> our_methods, other_methods;
};

/// Compares the programs on each model, prints a table, and writes the record, which starts as
/// `record` (docs/records.md). Returns the exit status. Throws Stopped when a stop was requested.
int against(const AgainstOptions& options, const OtherProgram& ours, const OtherProgram& other,
            const std::vector<AgainstModel>& models, Json record);

}  // namespace twice::experiments
