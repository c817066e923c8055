// The memory of a profiled program: over time, at its peak, and what sharing it saved.
#pragma once

#include "experiments/files/record.h"

namespace twice::experiments {

/// A section of the page; "" when the record has no memory.
std::string memory_section(const Json& record);

}  // namespace twice::experiments
