// Pictures in SVG, shape by shape: what all plots are made of. Words and axes have the text colour
// of the page, data the colours of the methods: the colour-blind-safe set of Okabe and Ito (2008),
// lightened for dark mode.
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
/// What is drawn in which colour.
using Legend = std::vector<std::pair<std::string, Ink>>;

/// The colour of a method. Dashed are `exact-naive`, which lies on top of `exact`, and variants
/// such as `f-gr-normalized`, which have the colour of `f-gr`.
Ink method_ink(std::string_view method);

/// A step of a ramp from light to strong, for the parts of a stacked bar.
Ink ramp_ink(std::size_t step);

/// The width of a picture's letters, of which few are wider, in its own units.
constexpr double letter_width = 0.6 * 13;

class Picture {
 public:
  Picture(double width, double height) : width_(width), height_(height) {}

  /// An SVG element. `series` is what a legend can hide; `tooltip` is shown when the mouse rests
  /// on the shape.
  void shape(std::string_view element, std::string_view attributes, std::string_view series = "",
             std::string_view tooltip = "");
  void line(double x1, double y1, double x2, double y2,
            std::string_view attributes = "class=\"gridline\"");
  /// `anchor` is start, middle or end; `degrees` turns the text about (x, y).
  void text(double x, double y, std::string_view words, std::string_view anchor = "start",
            double degrees = 0, std::string_view attributes = "class=\"label\"");
  /// Shapes from here to `end_frame` are cut off at this rectangle.
  void begin_frame(double x, double y, double width, double height);
  void end_frame() { shapes_ += "</svg>\n"; }

  /// For a page; `label` says what is seen to those who cannot see it.
  std::string str(std::string_view label, std::string_view attributes = "") const;

  /// As a file that stands alone: with title, a line under it and a legend, light or dark as the
  /// reader prefers.
  std::string file(std::string_view title, std::string_view subtitle, const Legend& legend) const;

 private:
  double width_, height_;
  std::string shapes_;
};

/// From numbers to places in a picture.
struct PlotAxis {
  double low, high;   ///< the numbers at its ends; both positive if `log`
  double begin, end;  ///< their places
  bool log = false;
  double operator()(double value) const;
  /// About five round numbers, or those of `log_ticks`.
  std::vector<double> ticks() const;
  std::string tick(double value) const;
};

/// Round numbers in [low, high], both positive: the powers of ten, or when these are fewer than
/// three also their 2- and 5-folds. At most about eight.
std::vector<double> log_ticks(double low, double high);

/// A tick's text: "0.05", "200", "10⁻⁶"; with `as_power`, powers of ten other than 1 always as
/// such.
std::string tick_text(double value, bool as_power = false);

}  // namespace twice::experiments
