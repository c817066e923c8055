// The other side of `bench --against`: a process that times its own steps on request, so that two
// programs can take turns in short blocks.
#pragma once

#include "experiments/run/options.h"

namespace twice::experiments {

/// Prepares the steps of the options' methods on random data, and then answers each line of stdin
/// with a line of JSON on stdout until stdin ends:
///
///     {"do": "hello"}   {"model": LABEL, "version": ..., "flags": ..., "compiler": ..., "threads":
///     N}
///     {"do": "time", "method": NAME, "seconds": S, "settle": S, "lead": S}   {"ms": [...]}
///
/// `handicap` lengthens each step by that share of its undisturbed time: a known difference, with
/// which the comparison itself is tested. Returns the exit status.
int serve_steps(const RunOptions& options, double handicap);

}  // namespace twice::experiments
