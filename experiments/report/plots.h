// The plots that reports are made of, for a page: curves, as numbers that charts.js draws; bars and
// heat maps, as SVG; and those that a record holds as numbers (`plots` of a study:
// docs/records.md).
#pragma once

#include <chrono>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "experiments/files/record.h"
#include "experiments/report/picture.h"

namespace twice::experiments {

/// Whether a value has a place on an axis: differences and ticks of such values are numbers, too.
/// +-1e250, on a logarithmic axis 1e-250 to 1e250.
bool drawable(double value, bool log);

/// One line. Points that are not drawable are gaps.
struct Curve {
  std::string name;  ///< a legend hides all curves of a name
  std::vector<double> x = {}, y = {};
  Ink ink = {};
  std::string note = {};                    ///< behind the name where values are read, "f32"
  std::vector<double> low = {}, high = {};  ///< bounds of y, or empty
  bool points = false;                      ///< dots at the data
  bool faint = false;                       ///< thin and dotted
  bool thin = false;                        ///< one of several behind a bold one
  bool joined = true;                       ///< false: dots alone
};

/// y = y0 (x / x0)^slope, a straight line in a log-log plot, drawn thin behind the data with its
/// slope written on the side away from the data.
struct SlopeGuide {
  double slope, x0, y0;
  bool above = true;  ///< the guide lies above the data
};

struct CurvePlot {
  std::string label;  ///< what the plot shows, for those who cannot see it
  std::string x_title;
  bool large = false;  ///< for twice the room
  std::vector<Curve> curves = {};
  bool log_x = false, log_y = false;
  bool percent = false;  ///< y is a share of one, shown in percent
  double y_from = -std::numeric_limits<double>::infinity();  ///< what is lower is cut off
  std::vector<SlopeGuide> guides = {};
  double mark = 0;  ///< an x to mark with a vertical line and a text, if positive
  std::string mark_text = {};
};

/// One horizontal bar, of one part or several parts in a row, with a text behind its end.
struct Bar {
  std::string name, value = {};
  std::vector<double> parts = {};
  std::vector<Ink> inks = {};
  double low = std::numeric_limits<double>::quiet_NaN(), high = low;  ///< ends of a whisker
};

/// The ends of the whisker: KEY_interval of a row.
void add_whisker(Bar& bar, const Json& row, const std::string& key);

struct BarPlot {
  std::string label;
  std::vector<Bar> bars = {};  ///< from top to bottom
};

/// Without a finite value it is drawn as an empty dotted frame with the word `missing` in it.
struct HeatCell {
  double value = std::numeric_limits<double>::quiet_NaN();
  double spread = std::numeric_limits<double>::quiet_NaN();  ///< behind ± when finite
  std::string missing = "none";                              ///< "failed", "not run"
  std::string note = {};                                     ///< for an asterisk and the tooltip
};

/// Of more columns or rows a heat map draws no cells; it says how many there are.
constexpr std::size_t most_heat_lines = 100;

struct HeatMap {
  std::string label;  ///< what it shows, for those who cannot see it
  std::string x_title, y_title;
  /// What the columns (from the left) and the rows (from the bottom) are called: "0.05", "relu".
  std::vector<std::string> x, y;
  std::vector<HeatCell> cells = {};  ///< x.size() of the lowest row, then the next row's
  bool percent = false;              ///< values are shares of one, shown in percent
  bool lower_is_better = false;      ///< of losses; else, as of accuracies, more is better
  /// The values of all maps that share a scale of colours; its own cells' when empty.
  std::vector<double> beside = {};
};

// A plot is nothing, or "", when there is nothing to draw.

/// An element of class chart. Its attribute data-plot is a JSON object with the fields of
/// CurvePlot; what is empty or false is left out, and so is the x of a curve that has those of the
/// one before. Numbers have six digits. x_title and names are any text.
std::string curve_plot(const CurvePlot& plot);
std::string bar_plot(const BarPlot& plot);

std::optional<Picture> draw(const HeatMap& map);
/// Bright is better: the colours run from dark blue over green to yellow (viridis), whose lightness
/// alone tells their order, so they need no colour vision and are the same in light and dark mode.
/// Outlined is the best cell. Positive values that span more than a factor of ten are coloured by
/// their logarithm; a value that is more than three times as far from the best as the median is
/// gets the worst colour, so that one diverged setting does not make all others equal. Throws when
/// cells are not x times y.
std::string heat_map(const HeatMap& map);

/// A heat map as a record holds it, but for its `name` and `title` and for `value_title`, which
/// says what its numbers are: `x`, `y`, `x_title`, `y_title`, `percent`, `lower_is_better`; cell by
/// cell, as in HeatMap, `cells` (values), `spreads` (where there are any) and `missing` (words).
Json to_json(const HeatMap& map);

/// A recorded plot, curves or heat map (it has `cells`), for a page; "" without data.
std::string recorded_plot(const Json& plot);

/// The legend of a recorded plot: names and colours of its curves; none of a heat map.
Legend recorded_legend(const Json& plot);

/// Curves as an SVG file, drawn by gnuplot. Throws when that is missing, fails or takes longer.
std::string curve_file(const CurvePlot& plot, const std::string& y_title,
                       std::chrono::milliseconds limit = std::chrono::seconds(20));

/// A recorded plot as an SVG file that stands alone; curves by `curve_file`.
std::string recorded_plot_file(const Json& plot);

}  // namespace twice::experiments
