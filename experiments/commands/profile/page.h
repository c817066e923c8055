// report.html of a profile: what a derivative costs and why, on one page that needs nothing else.
#pragma once

#include "experiments/files/record.h"
#include "experiments/report/html.h"

namespace twice::experiments {

/// The page of a record of `profile`. What the record lacks is left out.
std::string profile_html(const Json& record);

// Its parts:

/// The large numbers at the top of the page.
std::vector<TextPair> profile_tiles(const Json& record);

/// Sentences on the cost of gradient, H v and the methods' steps; where the time of the profiled
/// step goes, by bound, phase and layer; and its memory.
std::vector<std::string> profile_findings(const Json& record);

/// How cost grows with depth, width, batch and threads, with the laws through the points, and where
/// exact and finite differences cost the same; "" without `scaling`.
std::string scaling_section(const Json& record);

/// The time by layer, phase and op, and by the order of the steps. A click shows a part alone and
/// its rows in the table of steps, which must stand in the same section. "" without steps.
std::string flame_figure(const Json& record);

/// The colour of a phase, in every picture of a profile.
Ink phase_ink(std::string_view phase);

/// The phases of the record's steps with their colours, in the order in which they first run.
Legend phase_legend(const Json& record);

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
