// The options of `bench --against OTHER` and of `profile --compare A B`: which two programs, and
// the words that each is started with.
#pragma once

#include "experiments/bench/bench.h"

namespace twice {

/// Compares two programs (other_program.h) as `options` say; `ours` is this one when it is empty.
/// `option` is what mistakes are reported of. Returns the exit status.
int compare_programs(const BenchOptions& options, const std::string& ours, const std::string& other,
                     const std::string& option);

/// The options of `bench` from words; UsageError names `option` when one of them is none of
/// bench's.
BenchOptions bench_options(const OptionWords& words, const std::string& option);

}  // namespace twice
