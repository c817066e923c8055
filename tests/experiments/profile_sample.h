// A small profile whose numbers follow from each other, for tests of what is made of profiles.
#pragma once

#include "experiments/files/record.h"

namespace twice {
using namespace experiments;

/// A record of `profile`: rows with samples, steps of every phase with ops, layers, phases and
/// memory that sum them up, some names that files must escape, and a `scaling`. All times are
/// `pace` times what they are at 1.
Json sample_profile(double pace = 1);

}  // namespace twice
