// The section of a record of `bench`: times of steps, beside the peer's where there is one.
#pragma once

#include <string>
#include <string_view>

#include "experiments/files/record.h"

namespace twice::experiments {

std::string bench_section(const Json& record, std::string_view title, std::string_view id);

}  // namespace twice::experiments
