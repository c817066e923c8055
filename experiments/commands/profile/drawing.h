// A picture drawn shape by shape, where gnuplot (report/gnuplot.h) has no plot for it: discs whose
// area is a number, rectangles of the arena. In the page's text colour and the colours of
// picture.css, as the other plots.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "experiments/report/picture.h"

namespace twice::experiments {

class Drawing {
 public:
  Drawing(int width, int height) : width_(width), height_(height) {}

  void line(double x1, double y1, double x2, double y2, double thickness = 1);
  /// Faint, behind the data.
  void gridline(double x1, double y1, double x2, double y2);
  /// `tooltip` is shown when the mouse rests on the shape; `series` is what a legend can hide.
  void disc(double x, double y, double radius, const Ink& ink, std::string_view series,
            std::string_view tooltip);
  void box(double x, double y, double width, double height, const Ink& ink, std::string_view series,
           std::string_view tooltip, bool strong = true);
  /// With a rim in the background's colour, so that it can be read over what was drawn before.
  /// `anchor` is start, middle or end; `degrees` turns the text about (x, y).
  void text(double x, double y, std::string_view words, std::string_view anchor = "start",
            double degrees = 0);

  /// For a page; `label` says what is seen to those who cannot see it.
  std::string str(std::string_view label) const;

  /// As a file that stands alone: with title, a line under it and a legend, light or dark as the
  /// reader prefers.
  std::string file(std::string_view title, std::string_view subtitle,
                   const std::vector<std::pair<std::string, Ink>>& legend) const;

 private:
  int width_, height_;
  std::string shapes_;
};

/// Of two axes in a drawing: from a number to a place.
struct DrawnAxis {
  double low, high;   ///< the numbers at its ends
  double begin, end;  ///< their places
  bool log = false;
  double operator()(double value) const;
};

/// Round numbers of a linear axis from 0 on, about five, the last at most `high`.
std::vector<double> linear_ticks(double high);

}  // namespace twice::experiments
