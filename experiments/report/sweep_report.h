// The section of a set of training runs: settings with their seeds, heat maps, curves, costs, and
// every single run.
#pragma once

#include <string>
#include <string_view>

#include "experiments/report/runs.h"

namespace twice::experiments {

/// `record` gives machine and options; it may be null.
std::string runs_section(const RunSet& set, const Json& record, std::string_view title,
                         std::string_view id);

}  // namespace twice::experiments
