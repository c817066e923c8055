// What a profile says, in sentences: the cost of each derivative, and why it costs that.
#pragma once

#include "experiments/files/record.h"
#include "experiments/report/html.h"

namespace twice::experiments {

/// What a row of the headline gives up against the exact result: nothing but rounding, an error,
/// the penalty, or the objective itself.
std::string gave_up(const Json& row, bool double_precision);

/// The large numbers at the top of the page.
std::vector<TextPair> profile_tiles(const Json& record);

/// The cost of gradient, H v and the methods' steps; where the time of the profiled step goes, by
/// bound, phase and layer; and its memory.
std::vector<std::string> profile_findings(const Json& record);

}  // namespace twice::experiments
