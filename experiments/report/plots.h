// The kinds of plots that reports are made of, as SVG for a page: curves over linear or
// logarithmic axes, and bars. Axes and words are drawn in the page's text colour, data in the
// colours of palette.h. A legend is the page's matter (html.h), so it never covers data.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "experiments/report/palette.h"

namespace twice::experiments {

/// One line. Points that are not finite, or not positive on a logarithmic axis, are gaps.
struct Curve {
  std::string name;
  std::vector<double> x = {}, y = {};
  Ink ink = {};
  bool points = false;  ///< dots at the data
  bool faint = false;   ///< thin and dotted
  bool thin = false;    ///< one of several behind a bold one
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
};

struct BarPlot {
  std::string label;
  std::vector<Bar> bars = {};  ///< from top to bottom
};

/// "" when there is nothing to draw.
std::string curve_plot(const CurvePlot& plot);
std::string bar_plot(const BarPlot& plot);

/// Round numbers in [low, high], both positive: the powers of ten, or when these are fewer than
/// three also their 2- and 5-folds. At most about eight.
std::vector<double> log_ticks(double low, double high);

/// A tick's text: "0.05", "200", "10⁻⁶"; with `as_power`, powers of ten other than 1 always as
/// such.
std::string tick_text(double value, bool as_power = false);

}  // namespace twice::experiments
