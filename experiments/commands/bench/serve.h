// `bench --serve`: a process that another process of twice starts. On request it times its own
// steps, which lets two programs alternate in short blocks, or it keeps a core busy.
#pragma once

#include <deque>

#include "experiments/files/process.h"
#include "experiments/run/options.h"

namespace twice::experiments {

/// Answers each line of stdin with a line of JSON on stdout until stdin ends. The steps are those
/// of the options' methods on random data.
///
///     {"do": "hello"}                                   {"model": LABEL, "version": ..., ...}
///     {"do": "time", "method": NAME, "seconds": S, ...}  {"ms": [...]}    see BlockTiming
///     {"do": "work", "kind": KIND}                       never answers and never ends
///
/// `handicap` lengthens each step by that fraction of its undisturbed time. The tests of the
/// comparison use it as a known difference. Returns the exit status.
int serve(const RunOptions& options, double handicap);

/// The kinds of neighbours: "cpu" computes without a pause, "memory" reads and writes 64 MiB
/// without a pause, "bursts" computes for 3 ms and then sleeps for 3 ms.
inline const std::vector<std::string> neighbour_kinds = {"cpu", "memory", "bursts"};

/// Starts busy processes beside a measurement, to measure the cost of sharing the machine. The
/// processes have our priority and run until the result is destroyed.
std::deque<Process> start_neighbours(int count, const std::string& kind);

}  // namespace twice::experiments
