// report.html of a profile: what a derivative costs and why, on one page that needs nothing else.
#pragma once

#include "experiments/files/record.h"

namespace twice::experiments {

/// The page of a record of `profile`. What the record lacks is left out.
std::string profile_html(const Json& record);

/// Its section on how cost grows with depth, width, batch and threads, with the laws through the
/// points, and where exact and finite differences cost the same; "" without `scaling`.
std::string scaling_section(const Json& record);

}  // namespace twice::experiments
