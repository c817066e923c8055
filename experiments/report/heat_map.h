// A grid of numbers as coloured cells with the numbers in them: test accuracy over gamma and
// epsilon. SVG by gnuplot, as the other plots (plots.h).
#pragma once

#include <limits>
#include <string>
#include <vector>

namespace twice::experiments {

/// Without a finite value it is drawn as an empty dotted frame with the word `missing` in it.
struct HeatCell {
  double value = std::numeric_limits<double>::quiet_NaN();
  double spread = std::numeric_limits<double>::quiet_NaN();  ///< behind ± when finite
  std::string missing = "none";                              ///< "failed", "not run"
  std::string note = {};                                     ///< for an asterisk and the tooltip
};

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

/// The map as SVG for a page; "" when there is no cell with a value. Bright is better: the colours
/// run from dark blue over green to yellow (viridis), whose lightness alone tells their order, so
/// they need no colour vision and are the same in light and dark mode. Outlined is the best cell.
/// Positive values that span more than a factor of ten are coloured by their logarithm; a value
/// that is more than three times as far from the best as the median is gets the worst colour, so
/// that one diverged setting does not make all others equal. Throws when cells are not x times y.
std::string heat_map(const HeatMap& map);

}  // namespace twice::experiments
