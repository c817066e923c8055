// `bench --serve`: a process that another one of twice starts. On request it times its own steps,
// so that two programs can take turns in short blocks, or it keeps a core busy.
#pragma once

#include <memory>

#include "experiments/files/process.h"
#include "experiments/run/options.h"

namespace twice::experiments {

/// Answers each line of stdin with a line of JSON on stdout until stdin ends. The steps are those
/// of the options' methods on random data.
///
///     {"do": "hello"}                                   {"model": LABEL, "version": ..., ...}
///     {"do": "time", "method": NAME, "seconds": S, ...}  {"ms": [...]}    see BlockTiming
///     {"do": "work", "kind": KIND}                       no answer, and no end
///
/// `handicap` lengthens each step by that share of its undisturbed time: a known difference, with
/// which the comparison itself is tested. Returns the exit status.
int serve(const RunOptions& options, double handicap);

/// What a neighbour does: "cpu" computes without a pause, "memory" reads and writes 64 MiB without
/// a pause, "bursts" computes for 3 ms and then sleeps for 3 ms.
const std::vector<std::string>& neighbour_kinds();

/// Other work beside a measurement, which shows what sharing the machine costs: processes of our
/// own priority that are busy until the result is destroyed.
std::vector<std::unique_ptr<Process>> start_neighbours(int count, const std::string& kind);

}  // namespace twice::experiments
