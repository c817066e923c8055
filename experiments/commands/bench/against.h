// `./twice bench --against OTHER`: is this program faster than another build, than another
// revision, or than itself with other options? Processes of both take turns (turns.h);
// measure/paired.h has the equations behind the answer.
#pragma once

#include "experiments/commands/bench/bench.h"

namespace twice::experiments {

/// Compares two programs on each model, prints a table, and writes the record (docs/records.md).
/// Either is what `find_program` finds or a list of options, which means this program with these
/// options in place of its own; "" is this program. `option` is named in complaints. Returns the
/// exit status. Throws Stopped when a stop was requested.
int compare_programs(const BenchOptions& options, const std::string& ours, const std::string& other,
                     const std::string& option);

/// The same for `profile --compare`: `words` are options of bench, and differences below the share
/// `margin` do not count.
int compare_programs(const OptionWords& words, double margin, const std::string& ours,
                     const std::string& other, const std::string& option);

}  // namespace twice::experiments
