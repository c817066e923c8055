// The plots of report pages. Curves are written as numbers, which charts.js draws. Bars and heat
// maps are SVG. A record may hold plots as numbers too (`plots` of a study, docs/records.md).
#pragma once

#include <chrono>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "experiments/files/record.h"
#include "experiments/measure/statistics.h"
#include "experiments/report/picture.h"

namespace twice::experiments {

/// Whether a value can be drawn: from -1e250 to 1e250, or from 1e-250 to 1e250 on a logarithmic
/// axis. Differences and ticks of such values are then finite.
bool drawable(double value, bool log);

/// One line. Points that are not drawable are gaps.
struct Curve {
  std::string name;  ///< a legend hides all curves of a name
  std::vector<double> x = {}, y = {};
  Ink ink = {};
  std::string note = {};                    ///< after the name where values are shown, "f32"
  std::vector<double> low = {}, high = {};  ///< bounds of y, or empty
  bool points = false;                      ///< dots at the data
  bool faint = false;                       ///< thin and dotted
  bool thin = false;                        ///< one of several curves behind a bold one
  bool joined = true;                       ///< false: dots alone
};

/// y = y0 (x / x0)^slope, a straight line in a log-log plot, drawn thin behind the data with its
/// slope written on the side away from the data.
struct SlopeGuide {
  double slope, x0, y0;
  bool above = true;  ///< the guide lies above the data
};

struct CurvePlot {
  std::string label;  ///< describes the plot for readers who cannot see it
  std::string x_title;
  bool large = false;  ///< for a plot of larger size
  std::vector<Curve> curves = {};
  bool log_x = false, log_y = false;
  bool percent = false;                                      ///< y is a share, shown in percent
  double y_from = -std::numeric_limits<double>::infinity();  ///< lower values are cut off
  std::vector<SlopeGuide> guides = {};
  double mark = 0;  ///< an x to mark with a vertical line and a text, if positive
  std::string mark_text = {};
};

/// One horizontal bar, of one part or several parts in a row, with a text after its end.
struct Bar {
  std::string name, value = {};
  std::vector<double> parts = {};
  std::vector<Ink> inks = {};
  std::optional<Interval> whisker = {};  ///< drawn if both ends are finite
};

struct BarPlot {
  std::string label;
  std::vector<Bar> bars = {};  ///< from top to bottom
};

/// A cell of a heat map. Without a finite value, it is drawn as an empty dotted frame with the word
/// `missing` in it.
struct HeatCell {
  double value = std::numeric_limits<double>::quiet_NaN();
  double spread = std::numeric_limits<double>::quiet_NaN();  ///< shown after ± if finite
  std::string missing = "none";                              ///< "failed", "not run"
  std::string note = {};                                     ///< in the tooltip, with an asterisk
};

/// A heat map with more columns or rows draws no cells and only states the number of cells.
constexpr std::size_t most_heat_lines = 100;

struct HeatMap {
  std::string label;  ///< describes the map for readers who cannot see it
  std::string x_title, y_title;
  /// The names of the columns (from the left) and of the rows (from the bottom), such as "0.05".
  std::vector<std::string> x, y;
  std::vector<HeatCell> cells = {};  ///< row by row from the lowest, x.size() each
  bool percent = false;              ///< values are shares, shown in percent
  bool lower_is_better = false;      ///< true for losses, false for accuracies
  /// The values of all maps that share a colour scale. Empty: the values of this map's own cells.
  std::vector<double> beside = {};
};

// If there is nothing to draw, the functions below return no value, or "".

/// An element of class chart. Its attribute data-plot is a JSON object with the fields of
/// CurvePlot. Empty and false fields are left out. If a curve has the same x as the curve before,
/// its x is left out too. Values of y have six digits. x_title and names may be any text.
std::string curve_plot(const CurvePlot& plot);
std::string bar_plot(const BarPlot& plot);

std::optional<Picture> draw(const HeatMap& map);
/// Brighter is better. The colours run from dark blue over green to yellow (viridis). The
/// lightness of a colour alone shows its order, so readers need no colour vision. The colours are
/// the same in light and dark mode. The best cell is outlined. Positive values that span more than
/// a factor of ten are coloured by their logarithm. A value more than three times as far from the
/// best as the median gets the worst colour. So one diverged setting leaves the others distinct.
/// Throws if there are not x times y cells.
std::string heat_map(const HeatMap& map);

/// A heat map as a record holds it, without its `name` and `title` and without `value_title`, the
/// caption of its numbers. The fields are `x`, `y`, `x_title`, `y_title`, `percent` and
/// `lower_is_better`. `cells` (values), `spreads` (if there are any) and `missing` (words) have an
/// entry for each cell, in the order of HeatMap.
Json to_json(const HeatMap& map);

/// A recorded plot for a page: a heat map if it has `cells`, otherwise curves. "" without data.
std::string recorded_plot(const Json& plot);

/// The legend of a recorded plot: the names and colours of its curves. Empty for a heat map.
Legend recorded_legend(const Json& plot);

/// Curves as an SVG file, drawn by gnuplot. Throws if gnuplot is missing, fails or takes longer
/// than `limit`.
std::string curve_file(const CurvePlot& plot, const std::string& y_title,
                       std::chrono::milliseconds limit = std::chrono::seconds(20));

/// A recorded plot as a separate SVG file. Curves are drawn by `curve_file`.
std::string recorded_plot_file(const Json& plot);

}  // namespace twice::experiments
