// Chooses colours, and writes SVG shape by shape.
#include "experiments/report/picture.h"

#include <fmt/core.h>

#include <cmath>

#include "experiments/report/html.h"
#include "experiments/report/table.h"

namespace twice::experiments {

Ink method_ink(std::string_view method) {
  if (embedded_file("picture.css").find(fmt::format("--{}: ", method)) != std::string_view::npos)
    return {std::string(method), method == "exact-naive"};
  if (constexpr std::string_view variant = "-normalized"; method.ends_with(variant))
    return {method_ink(method.substr(0, method.size() - variant.size())).name, true};
  std::size_t sum = 0;
  for (const char c : method) sum += static_cast<unsigned char>(c);
  return {fmt::format("other-{}", sum % 3 + 1)};
}

Ink ramp_ink(std::size_t step) { return {fmt::format("ramp-{}", step % 4 + 1)}; }

void Picture::shape(std::string_view element, std::string_view attributes, std::string_view series,
                    std::string_view tooltip) {
  shapes_ += fmt::format("<{} {}", element, attributes);
  if (!series.empty()) shapes_ += fmt::format(" data-series=\"{}\"", escape(series));
  shapes_ +=
      tooltip.empty() ? "/>\n" : fmt::format("><title>{}</title></{}>\n", escape(tooltip), element);
}

void Picture::line(double x1, double y1, double x2, double y2, std::string_view attributes) {
  shape("path", fmt::format("d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\" {}", x1, y1, x2, y2, attributes));
}

void Picture::text(double x, double y, std::string_view words, std::string_view anchor,
                   double degrees, std::string_view attributes) {
  if (words.empty()) return;
  const std::string turn =
      degrees == 0 ? "" : fmt::format(" transform=\"rotate({:.1f} {:.1f} {:.1f})\"", degrees, x, y);
  shapes_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{} {}>{}</text>\n", x,
                         y, anchor, turn, attributes, escape(words));
}

std::string Picture::str(std::string_view label, std::string_view attributes) const {
  return render("picture", {{"page", true},
                            {"label", label},
                            {"attributes", attributes},
                            {"width", width_},
                            {"height", height_},
                            {"shapes", shapes_}});
}

std::string Picture::file(std::string_view title, std::string_view subtitle,
                          const Legend& legend) const {
  // The width at which the web view of a repository shows a file, scaled to this width.
  constexpr double width = 560, line_height = 18, letter = 7;
  double x = 16, y = 62;
  Json entries = Json::array();
  for (const auto& [name, ink] : legend) {
    const double needed = 42 + letter * static_cast<double>(width_of(name));
    if (x > 16 && x + needed > width) x = 16, y += line_height;
    entries.push_back({{"name", name},
                       {"ink", ink.name},
                       {"dashed", ink.dashed},
                       {"x", x},
                       {"word", x + 25},
                       {"y", y},
                       {"middle", y - 4}});
    x += needed;
  }
  const double top = legend.empty() ? 50 : y + 8;
  const double height = std::round(width * height_ / width_);
  return render("picture", {{"label", title},
                            {"subtitle", subtitle},
                            {"style", embedded_file("picture.css")},
                            {"file_width", width},
                            {"file_height", top + height},
                            {"legend", entries},
                            {"top", top},
                            {"shown_height", height},
                            {"width", width_},
                            {"height", height_},
                            {"shapes", shapes_}});
}

double PlotAxis::operator()(double value) const {
  const auto at = [&](double v) { return log ? std::log10(v) : v; };
  return begin + (at(value) - at(low)) / (at(high) - at(low)) * (end - begin);
}

std::vector<double> PlotAxis::ticks() const {
  if (log) return log_ticks(low, high);
  const double rough = (high - low) / 5, power = std::pow(10., std::floor(std::log10(rough)));
  double step = power;
  for (const double digit : {2., 5., 10.})
    if (step < rough * (1 - 1e-9)) step = digit * power;
  std::vector<double> ticks;
  const double first = std::ceil(low / step - 1e-9);
  for (int k = 0; k < 10 && (first + k) * step <= high + 1e-9 * step; ++k)
    ticks.push_back((first + k) * step);
  return ticks;
}

std::string PlotAxis::tick(double value) const {
  return log ? tick_text(value, high / 1e4 > low) : fmt::format("{:.9g}", value);
}

std::vector<double> log_ticks(double low, double high) {
  std::vector<double> ticks;
  if (!(low > 0) || !std::isfinite(high)) return ticks;
  const int first = static_cast<int>(std::ceil(std::log10(low) - 1e-9));
  const int last = static_cast<int>(std::floor(std::log10(high) + 1e-9));
  if (last - first >= 2) {
    const int stride = (last - first) / 8 + 1;
    for (int power = first; power <= last; power += stride) ticks.push_back(std::pow(10., power));
    return ticks;
  }
  for (int power = first - 1; power <= last; ++power)
    for (const double digit : {1., 2., 5.}) {
      const double tick = digit * std::pow(10., power);
      if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)) ticks.push_back(tick);
    }
  return ticks;
}

std::string tick_text(double value, bool as_power) {
  if (value == 1 || (!as_power && value >= 0.999e-3 && value < 1e5))
    return fmt::format("{:.4g}", value);
  static constexpr const char* superscripts[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  const int power = static_cast<int>(std::floor(std::log10(value) + 1e-9));
  const double digit = value / std::pow(10., power);
  std::string text = digit < 1.5 ? "10" : fmt::format("{:.0f}·10", digit);
  if (power < 0) text += "⁻";
  for (const char c : std::to_string(std::abs(power))) text += superscripts[c - '0'];
  return text;
}

}  // namespace twice::experiments
