// `./twice bench --against OTHER`: tests whether this program is faster than another build, another
// revision, or itself with other options. Processes of both programs run alternately (turns.h).
// measure/paired.h has the equations behind the verdict.
#pragma once

#include "experiments/commands/bench/bench.h"

namespace twice::experiments {

/// Compares two programs on each model, prints a table, and writes the record (docs/records.md).
/// `ours` and `other` are each a word for `find_program` or a list of options. A list of options
/// means this program with these options in place of its own, and "" means this program. Error
/// messages name `option`. Returns the exit status. Throws Stopped if a stop was requested.
int compare_programs(const BenchOptions& options, const std::string& ours, const std::string& other,
                     const std::string& option);

/// The same for `profile --compare`. `words` are options of bench. Differences below the fraction
/// `margin` do not count.
int compare_programs(const OptionWords& words, double margin, const std::string& ours,
                     const std::string& other, const std::string& option);

}  // namespace twice::experiments
