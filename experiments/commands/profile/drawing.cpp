// SVG, shape by shape.
#include "experiments/commands/profile/drawing.h"

#include <fmt/core.h>

#include <cmath>

#include "experiments/report/html.h"

namespace twice::experiments {

namespace {

std::string series_attribute(std::string_view series) {
  return series.empty() ? "" : fmt::format(" data-series=\"{}\"", escape(series));
}

}  // namespace

void Drawing::line(double x1, double y1, double x2, double y2, double thickness) {
  shapes_ += fmt::format(
      "<path d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\" stroke=\"currentColor\" stroke-width=\"{}\" "
      "fill=\"none\"/>\n",
      x1, y1, x2, y2, thickness);
}

void Drawing::gridline(double x1, double y1, double x2, double y2) {
  shapes_ += fmt::format("<path class=\"gridline\" d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\"/>\n", x1, y1,
                         x2, y2);
}

void Drawing::disc(double x, double y, double radius, const Ink& ink, std::string_view series,
                   std::string_view tooltip) {
  shapes_ += fmt::format(
      "<circle{} cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" fill=\"var(--{})\" fill-opacity=\"0.8\" "
      "stroke=\"currentColor\" stroke-width=\"0.7\"><title>{}</title></circle>\n",
      series_attribute(series), x, y, radius, ink.name, escape(tooltip));
}

void Drawing::box(double x, double y, double width, double height, const Ink& ink,
                  std::string_view series, std::string_view tooltip, bool strong) {
  shapes_ += fmt::format(
      "<rect{} x=\"{:.2f}\" y=\"{:.2f}\" width=\"{:.2f}\" height=\"{:.2f}\" fill=\"var(--{})\" "
      "fill-opacity=\"{}\" stroke=\"currentColor\" stroke-width=\"{}\"><title>{}</title></rect>\n",
      series_attribute(series), x, y, width, height, ink.name, strong ? 0.9 : 0.5,
      strong ? 0.9 : 0.3, escape(tooltip));
}

void Drawing::text(double x, double y, std::string_view words, std::string_view anchor,
                   double degrees) {
  const std::string turn =
      degrees == 0 ? "" : fmt::format(" transform=\"rotate({:.1f} {:.1f} {:.1f})\"", degrees, x, y);
  shapes_ += fmt::format(
      "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{} fill=\"currentColor\" "
      "font-size=\"13\" paint-order=\"stroke\" stroke=\"var(--card, var(--page))\" "
      "stroke-width=\"3\" stroke-linejoin=\"round\">{}</text>\n",
      x, y, anchor, turn, escape(words));
}

std::string Drawing::str(std::string_view label) const {
  return fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n{}</svg>", width_,
                     height_, escape(label), shapes_);
}

std::string Drawing::file(std::string_view title, std::string_view subtitle,
                          const std::vector<std::pair<std::string, Ink>>& legend) const {
  std::string entries;
  int x = 16;
  constexpr int letter = 7, top = 74;
  for (const auto& [name, ink] : legend) {
    entries += fmt::format(
        "<rect x=\"{}\" y=\"53\" width=\"11\" height=\"11\" fill=\"var(--{})\" "
        "stroke=\"currentColor\" stroke-width=\"0.7\"/><text x=\"{}\" y=\"63\" "
        "font-size=\"12\">{}</text>\n",
        x, ink.name, x + 17, escape(name));
    x += 34 + letter * static_cast<int>(name.size());
  }
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} "
      "{1}\" font-family=\"Helvetica, Arial, sans-serif\" role=\"img\" aria-label=\"{2}\">\n"
      "<style>{3} svg {{ --page: #ffffff; color: #1f2328; }}\n"
      "@media (prefers-color-scheme: dark) {{ svg {{ --page: #0d1117; color: #e6edf3; }} }}\n"
      "text {{ fill: currentColor; }}"
      "</style>\n<rect width=\"{0}\" height=\"{1}\" fill=\"var(--page)\"/>\n"
      "<text x=\"16\" y=\"22\" font-size=\"15\" font-weight=\"bold\">{2}</text>\n"
      "<text x=\"16\" y=\"41\" font-size=\"12\">{4}</text>\n{5}"
      "<g transform=\"translate(0 {6})\">\n{7}</g>\n</svg>\n",
      width_, height_ + top, escape(title), embedded_file("picture.css"), escape(subtitle), entries,
      top, shapes_);
}

double DrawnAxis::operator()(double value) const {
  const double share =
      log ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
  return begin + share * (end - begin);
}

std::vector<double> linear_ticks(double high) {
  if (!(high > 0)) return {0};
  const double power = std::pow(10., std::floor(std::log10(high / 4)));
  double step = power;
  for (const double digit : {2., 5., 10.})
    if (high / step > 6) step = digit * power;
  std::vector<double> ticks;
  for (int i = 0; i * step <= high * (1 + 1e-9); ++i) ticks.push_back(i * step);
  return ticks;
}

}  // namespace twice::experiments
