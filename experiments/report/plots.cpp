// gnuplot scripts for the plots.
#include "experiments/report/plots.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "autodiff/array/error.h"
#include "experiments/report/gnuplot.h"
#include "experiments/report/html.h"

namespace twice::experiments {
namespace {

// A plot's own units, chosen so that its words stay about as large as the page's: on a narrow
// screen it is shown at 0.8 of them, on a wide one, where three share a row, at 0.9.
struct Size {
  int width, height;
};
constexpr Size normal{420, 270}, large{500, 330};
struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void add(double value) { low = std::min(low, value), high = std::max(high, value); }
  bool empty() const { return low > high; }
};

bool drawable(double value, bool log) { return std::isfinite(value) && (!log || value > 0); }

/// Some room around the data; a single value gets an axis around it.
Range widened(Range range, bool log, double share) {
  if (log) {
    const double room = std::max(std::pow(range.high / range.low, share), 1.15);
    return {range.low / room, range.high * room};
  }
  const double room = share * (range.high - range.low);
  // What differs by rounding alone is a single value, too.
  if (room > 1e-9 * std::max(std::abs(range.low), std::abs(range.high)))
    return {range.low - room, range.high + room};
  const double around = range.low == 0 ? 1 : 0.1 * std::abs(range.low);
  return {range.low - around, range.high + around};
}

std::string axis(const char* name, Range range, bool log) {
  std::string script = fmt::format("set {}range [{:.9g}:{:.9g}]\n", name, range.low, range.high);
  if (!log) return script;
  std::string ticks;
  const bool powers = range.high > 1e4 * range.low;
  for (const double tick : log_ticks(range.low, range.high))
    ticks += fmt::format("{}'{}' {:.9g}", ticks.empty() ? "" : ", ", tick_text(tick, powers), tick);
  return script + fmt::format("set logscale {}\nset {}tics ({})\n", name, name, ticks);
}

/// The data of curve i as the gnuplot data block $i.
std::string data_block(std::size_t i, const Curve& curve, const CurvePlot& plot) {
  std::string block = fmt::format("$c{} << END_OF_DATA\n", i);
  for (std::size_t k = 0; k < std::min(curve.x.size(), curve.y.size()); ++k) {
    if (!drawable(curve.x[k], plot.log_x)) continue;
    // An unfinished pair of columns ends the line: a gap.
    if (drawable(curve.y[k], plot.log_y))
      block += fmt::format("{:.9g} {:.9g}\n", curve.x[k], curve.y[k] * (plot.percent ? 100 : 1));
    else
      block += fmt::format("{:.9g} NaN\n", curve.x[k]);
  }
  return block + "END_OF_DATA\n";
}

bool whole_numbers(const CurvePlot& plot) {
  return std::ranges::all_of(plot.curves, [](const Curve& curve) {
    return std::ranges::all_of(curve.x, [](double x) { return x == std::round(x); });
  });
}

/// The slope, written beside the guide at two thirds of the part of it that is in the plot.
std::string guide_label(const SlopeGuide& guide, Range x, Range y) {
  const auto crossing = [&](double height) {
    return std::clamp(guide.x0 * std::pow(height / guide.y0, 1 / guide.slope), x.low, x.high);
  };
  const double at = std::pow(crossing(y.low), 1. / 3) * std::pow(crossing(y.high), 2. / 3);
  return fmt::format(
      "set label 'slope {:g}' at {:.9g}, {:.9g} {}\n", guide.slope, at,
      guide.y0 * std::pow(at / guide.x0, guide.slope),
      guide.above ? "right offset character -0.8,0.5" : "left offset character 0.8,-0.5");
}

}  // namespace

std::vector<double> log_ticks(double low, double high) {
  std::vector<double> ticks;
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

std::string curve_plot(const CurvePlot& plot) {
  Range x, y;
  for (const Curve& curve : plot.curves)
    for (std::size_t k = 0; k < std::min(curve.x.size(), curve.y.size()); ++k)
      if (drawable(curve.x[k], plot.log_x) && drawable(curve.y[k], plot.log_y))
        x.add(curve.x[k]), y.add(curve.y[k] * (plot.percent ? 100 : 1));
  if (x.empty()) return "";
  if (plot.log_x || x.low == x.high) x = widened(x, plot.log_x, 0.02);
  y = widened(y, plot.log_y, 0.05);
  if (plot.percent) y.high = std::min(y.high, 100.);
  y.low = std::max(y.low, std::min(plot.y_from * (plot.percent ? 100 : 1), y.high));

  std::string script =
      plot_header((plot.large ? large : normal).width, (plot.large ? large : normal).height) +
      "set grid ytics back lt 1 lw 1 lc rgb 'black'\n" + "set xlabel " +
      gnuplot_quote(plot.x_title) + " offset 0,0.4\nset rmargin 2.5\n" + axis("x", x, plot.log_x) +
      axis("y", y, plot.log_y);
  // Epochs are whole.
  if (!plot.log_x && x.high - x.low <= 8 && whole_numbers(plot)) script += "set xtics 1\n";
  if (plot.percent) script += "set ytics format '%g %%'\n";
  std::string elements;
  if (plot.mark > x.low && plot.mark < x.high)
    script += fmt::format(
        "set arrow from {0:.9g}, graph 0 to {0:.9g}, graph 1 nohead lw 1 dt (2,4)\n"
        "set label {1} at {0:.9g}, graph 1 center offset 0,0.6\nset tmargin 2\n",
        plot.mark, gnuplot_quote(plot.mark_text));
  for (const SlopeGuide& guide : plot.guides) {
    elements += fmt::format("{}{:.9g} * (x / {:.9g})**{:.9g} lw 1 dt (5,6) lc rgb 'black'",
                            elements.empty() ? "" : ", ", guide.y0, guide.x0, guide.slope);
    script += guide_label(guide, x, y);
  }
  for (std::size_t i = 0; i < plot.curves.size(); ++i) {
    const Curve& curve = plot.curves[i];
    script += data_block(i, curve, plot);
    // A lone point makes no line.
    const bool points = curve.points || curve.x.size() == 1;
    elements +=
        fmt::format("{}$c{} using 1:2 with {} lw {} {} lc rgb '{}'", elements.empty() ? "" : ", ",
                    i, points ? "linespoints pt 7 ps 0.6" : "lines",
                    curve.thin    ? 0.7
                    : curve.faint ? 1.4
                                  : 2.2,
                    curve.faint        ? "dt (2,5)"
                    : curve.ink.dashed ? "dt (9,8)"
                                       : "dt 1",
                    curve.ink.light);
  }
  std::string svg = run_gnuplot(script + "plot " + elements + "\n");
  for (std::size_t k = 0; k < plot.guides.size(); ++k)
    svg = name_element(std::move(svg), k + 1, fmt::format("slope {:g}", plot.guides[k].slope));
  for (std::size_t i = 0; i < plot.curves.size(); ++i)
    svg = name_element(std::move(svg), plot.guides.size() + i + 1, plot.curves[i].name);
  return adapt_svg(std::move(svg), plot.label);
}

std::string bar_plot(const BarPlot& plot) {
  double longest = 0;
  std::size_t name_length = 0, value_length = 0;
  for (const Bar& bar : plot.bars) {
    double sum = 0;
    for (const double part : bar.parts) sum += drawable(part, true) ? part : 0;
    longest = std::max(longest, sum);
    name_length = std::max(name_length, code_points(bar.name));
    value_length = std::max(value_length, code_points(bar.value));
  }
  if (longest == 0) return "";

  const std::size_t count = plot.bars.size();
  // Few sans-serif texts are wider than 0.62 of the font's size per letter.
  const double letter = 0.62 * plot_font / normal.width;
  const double left = std::min(0.5, letter * static_cast<double>(name_length) + 0.02);
  const double right = std::max(0.4, 0.98 - letter * static_cast<double>(value_length));
  std::string script =
      plot_header(normal.width, static_cast<int>(32 * count) + 10) +
      fmt::format(
          "unset xtics\nunset ytics\nset xrange [0:{:.9g}]\nset yrange [{:.1f}:-0.5]\n"
          "set lmargin at screen {:.4f}\nset rmargin at screen {:.4f}\n"
          "set tmargin at screen 0.98\nset bmargin at screen 0.02\n",
          longest, static_cast<double>(count) - 0.5, left, right);
  std::string elements;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) {
    const Bar& bar = plot.bars[i];
    script += fmt::format("set label {} at graph 0, first {} right offset character -0.8,0\n",
                          gnuplot_quote(bar.name), i);
    double begin = 0;
    for (std::size_t p = 0; p < bar.parts.size(); ++p) {
      if (!drawable(bar.parts[p], true)) continue;
      const double end = begin + bar.parts[p];
      // Columns of boxxyerror: x, y and the rectangle's four sides.
      elements += fmt::format(
          "{}'+' every ::0::0 using ({:.9g}):({}):({:.9g}):({:.9g}):({}):({}) "
          "with boxxyerror fs solid 1 noborder lc rgb '{}'",
          elements.empty() ? "" : ", ", begin, i, begin, end, static_cast<double>(i) - 0.34,
          static_cast<double>(i) + 0.34, bar.inks.at(p).light);
      names.push_back(bar.name);
      begin = end;
    }
    script += fmt::format("set label {} at first {:.9g}, first {} left offset character 0.8,0\n",
                          gnuplot_quote(bar.value), begin, i);
  }
  std::string svg = run_gnuplot(script + "set samples 2\nplot " + elements + "\n");
  for (std::size_t k = 0; k < names.size(); ++k)
    svg = name_element(std::move(svg), k + 1, names[k]);
  return adapt_svg(std::move(svg), plot.label);
}

}  // namespace twice::experiments
