// Plots that a record holds as numbers (`plots` of a study: docs/records.md), drawn for a page or
// as an SVG file that stands alone.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "experiments/files/record.h"
#include "experiments/report/heat_map.h"
#include "experiments/report/palette.h"

namespace twice::experiments {

/// A heat map as a record holds it, but for its `name` and `title` and for `value_title`, which
/// says what its numbers are: `x`, `y`, `x_title`, `y_title`, `percent`, `lower_is_better`; cell by
/// cell, as in HeatMap, `cells` (values), `spreads` (where there are any) and `missing` (words).
Json to_json(const HeatMap& map);

/// A recorded plot, curves or heat map (it has `cells`), as SVG for a page; "" without data.
std::string recorded_plot(const Json& plot);

/// The legend of a recorded plot: names and colours of its curves; none of a heat map.
std::vector<std::pair<std::string, Ink>> recorded_legend(const Json& plot);

/// A recorded plot as an SVG file that stands alone, with title and legend, light or dark as the
/// reader prefers.
std::string recorded_plot_file(const Json& plot);

}  // namespace twice::experiments
