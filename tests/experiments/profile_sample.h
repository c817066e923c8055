// A small, consistent profile for tests of the pages and files that are made from profiles.
#pragma once

#include "experiments/files/record.h"

namespace twice {
using namespace experiments;

/// A record of `profile`. It has rows with samples, steps of every phase, sums by op, layer and
/// phase, memory, a `scaling`, and some names that files must escape. All times are multiplied by
/// `pace`.
Json sample_profile(double pace = 1);

}  // namespace twice
