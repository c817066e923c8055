// The section of a study: its verdict, claims and plots, from the record alone.
#pragma once

#include <string>
#include <string_view>

#include "experiments/files/record.h"

namespace twice::experiments {

std::string study_section(const Json& record, std::string_view title, std::string_view id);

}  // namespace twice::experiments
