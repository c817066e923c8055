// trace.json: one step of the profiled program as a time line, in the Trace Event Format of
// chrome://tracing, which Perfetto reads too.
#pragma once

#include "experiments/files/record.h"

namespace twice::experiments {

/// A lane (thread) for each phase and one for the whole step; a complete event (X) for each step of
/// the program with its costs as arguments; the arena's live bytes as a counter (C); and flow
/// arrows (s, f) from the step of a forward op to every later step that it spawned: its backward,
/// its double backward. Times are the medians of the timed runs, one after another from 0; `ts` and
/// `dur` are in microseconds, as the format wants them.
Json chrome_trace(const Json& record);

}  // namespace twice::experiments
