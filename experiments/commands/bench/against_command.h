// The options of `bench --against OTHER` and of `profile --compare A B`: which two programs, and
// the words that each is started with.
#pragma once

#include "experiments/commands/bench/bench.h"

namespace twice::experiments {

/// Compares two programs (other_program.h) as `options` say; `ours` is this one when it is empty.
/// `option` is what mistakes are reported of. Returns the exit status.
int compare_programs(const BenchOptions& options, const std::string& ours, const std::string& other,
                     const std::string& option);

/// The same for `profile --compare`: `words` are options of bench, and differences below the share
/// `margin` do not count.
int compare_programs(const OptionWords& words, double margin, const std::string& ours,
                     const std::string& other, const std::string& option);

}  // namespace twice::experiments
