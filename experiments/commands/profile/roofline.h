// The roofline: how fast each step of the program runs beside what the machine allows at its
// arithmetic intensity. Williams, Waterman, Patterson, "Roofline", Comm. ACM 52, 2009.
#pragma once

#include "experiments/files/record.h"
#include "experiments/report/picture.h"

namespace twice::experiments {

/// The colour of a phase, in every picture of a profile.
Ink phase_ink(std::string_view phase);

/// The phases of the record's steps with their colours, in the order in which they first run.
std::vector<std::pair<std::string, Ink>> phase_legend(const Json& record);

/// GF/s over FLOP per byte, both logarithmic: the roofs are the product peak and the memory stream
/// that the record measured; a disc for each step with FLOPs, its area its share of the time. What
/// lies above the sloped roof finds its numbers in a cache. "" when no step has FLOPs.
std::string roofline_plot(const Json& record);

/// The same as an SVG file that stands alone.
std::string roofline_file(const Json& record);

}  // namespace twice::experiments
