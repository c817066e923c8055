// Draws SVG pictures shape by shape, for all plots. Words and axes have the text colour of the
// page. Curves and bars have the colours of the methods: the colour-blind-safe set of Okabe and Ito
// (2008), lightened for dark mode.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace twice::experiments {

/// A colour by its name in picture.css (`--NAME`), which has its values for light and dark mode.
struct Ink {
  std::string name;
  bool dashed = false;
};
/// The names in a plot with their colours.
using Legend = std::vector<std::pair<std::string, Ink>>;

/// The colour of a method. `exact-naive` is dashed, because its curve lies on that of `exact`. A
/// variant such as `f-gr-normalized` is dashed and has the colour of `f-gr`.
Ink method_ink(std::string_view method);

/// A step of a ramp from light to strong, for the parts of a stacked bar.
Ink ramp_ink(std::size_t step);

/// The width of a letter in a picture, in the picture's units. Few letters are wider.
constexpr double letter_width = 0.6 * 13;

class Picture {
 public:
  Picture(double width, double height) : width_(width), height_(height) {}
  double width() const { return width_; }

  /// Adds an SVG element. A legend can hide the elements of one `series`. `tooltip` is shown when
  /// the mouse rests on the shape.
  void shape(std::string_view element, std::string_view attributes, std::string_view series = "",
             std::string_view tooltip = "");
  void line(double x1, double y1, double x2, double y2,
            std::string_view attributes = "class=\"gridline\"");
  /// Adds a text. `anchor` is start, middle or end. `degrees` turns the text about (x, y).
  void text(double x, double y, std::string_view words, std::string_view anchor = "start",
            double degrees = 0, std::string_view attributes = "class=\"label\"");

  /// The picture for a page. `label` describes the picture for readers who cannot see it.
  std::string str(std::string_view label, std::string_view attributes = "") const;

  /// The picture as a separate file, with a title, a line under it and a legend. The file is light
  /// or dark as the reader prefers.
  std::string file(std::string_view title, std::string_view subtitle, const Legend& legend) const;

 private:
  double width_, height_;
  std::string shapes_;
};

/// Maps numbers to positions in a picture.
struct PlotAxis {
  double low, high;   ///< the numbers at the ends; both positive if `log`
  double begin, end;  ///< their positions
  bool log = false;
  double operator()(double value) const;
  /// About five round numbers, or those of `log_ticks`.
  std::vector<double> ticks() const;
  std::string tick(double value) const;
};

/// Round numbers in [low, high], both positive: the powers of ten and, if there are fewer than
/// three of them, their multiples by 2 and 5. At most about eight.
std::vector<double> log_ticks(double low, double high);

/// The text of a tick, such as "0.05", "200" or "10⁻⁶". With `as_power`, every power of ten except
/// 1 is written as a power.
std::string tick_text(double value, bool as_power = false);

}  // namespace twice::experiments
