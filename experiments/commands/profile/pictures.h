// The pictures of a profile that gnuplot has no plot for: the roofline, and the map of the arena.
#pragma once

#include "experiments/files/record.h"
#include "experiments/report/palette.h"

namespace twice::experiments {

/// The colour of a phase, in every picture of a profile.
Ink phase_ink(std::string_view phase);

/// The phases of the record's steps with their colours, in the order in which they first run.
std::vector<std::pair<std::string, Ink>> phase_legend(const Json& record);

/// GF/s over FLOP per byte, both logarithmic: how fast each step of the program runs beside what
/// the machine allows at its arithmetic intensity (Williams, Waterman, Patterson, "Roofline", Comm.
/// ACM 52, 2009). The roofs are the product peak and the memory stream that the record measured; a
/// disc for each step with FLOPs, its area its share of the time. Above the sloped roof numbers
/// come from a cache. "" when no step has FLOPs.
std::string roofline_plot(const Json& record);

/// The same as an SVG file that stands alone.
std::string roofline_file(const Json& record);

/// Every value of the arena: from the step that computes it to the last that reads it, at its
/// place. "" when the record has no values.
std::string arena_plot(const Json& record);

}  // namespace twice::experiments
