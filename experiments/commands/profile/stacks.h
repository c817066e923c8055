// stacks.txt: where the time goes as collapsed stacks, for flame graphs.
#pragma once

#include "experiments/files/record.h"

namespace twice::experiments {

/// A line `method;phase;layer;op NANOSECONDS` for each different stack, in the order in which they
/// first run; the sum of all is the time of the program's steps. It is the input format of
/// flamegraph.pl, inferno and speedscope: frames from the outside in, separated by semicolons, a
/// space and a whole number.
std::string collapsed_stacks(const Json& record);

}  // namespace twice::experiments
