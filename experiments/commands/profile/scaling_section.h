// How cost grows with depth, width, batch and threads, with the laws through the points, and where
// exact and finite differences cost the same.
#pragma once

#include "experiments/files/record.h"

namespace twice::experiments {

/// A section of the page; "" when the record has no `scaling`.
std::string scaling_section(const Json& record);

}  // namespace twice::experiments
