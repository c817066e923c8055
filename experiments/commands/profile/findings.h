// The sentences of a profile: the cost of each derivative, and why it costs that.
#pragma once

#include "experiments/files/record.h"
#include "experiments/report/html.h"

namespace twice::experiments {

/// `rows` of the record, each with `gave_up`: how it differs from the exact result, which is by
/// rounding alone, an error, the penalty, or the objective itself.
std::vector<Json> headline_rows(const Json& record);

/// The large numbers at the top of the page.
std::vector<TextPair> profile_tiles(const Json& record);

/// The cost of gradient, H v and the methods' steps; where the time of the profiled step goes, by
/// bound, phase and layer; and its memory.
std::vector<std::string> profile_findings(const Json& record);

}  // namespace twice::experiments
