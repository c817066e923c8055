// `./twice compare`, the main job: one model, one start, one data set, every GR method;
// what each costs, how exact its gradient is, and what training with it gives.
#pragma once

#include "experiments/run/options.h"

namespace twice::experiments {

/// The methods that are compared when none are named.
const std::vector<std::string>& compared_methods();

void declare_compare(OptionSet& set, RunOptions& options);

/// Runs the comparison, prints the table, and writes compare.json and report.html to
/// `options.out` (and the JSON to `options.json`). Returns the exit status.
int compare(RunOptions options);

}  // namespace twice::experiments
