// Curves and bars, and plots from a record's numbers.
#include "experiments/report/plots.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "experiments/measure/noise.h"
#include "experiments/report/table.h"

namespace twice::experiments {
namespace {

// A plot's own units, chosen so that its words stay about as large as the page's: on a narrow
// screen it is shown at 0.8 of them, on a wide one, where three share a row, at 0.9.
struct Size {
  double width, height;
};
constexpr Size normal{420, 270}, large{500, 330};

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();
  void add(double value) { low = std::min(low, value), high = std::max(high, value); }
  bool drawable() const { return low <= high && std::isfinite(high - low); }
};

/// A logarithmic axis leaves out what is so near the ends of double that a tick might overflow.
bool drawable(double value, bool log) {
  return std::isfinite(value) && (!log || (value >= 1e-300 && value <= 1e300));
}

/// Some room around the data; a single value gets an axis around it.
Range widened(Range range, bool log, double share) {
  if (log) {
    const double room =
        std::max(std::exp(share * (std::log(range.high) - std::log(range.low))), 1.15);
    return {range.low / room, range.high * room};
  }
  const double room = share * (range.high - range.low);
  // What differs by rounding alone is a single value, too.
  if (room > 1e-9 * std::max(std::abs(range.low), std::abs(range.high)))
    return {range.low - room, range.high + room};
  const double around = range.low == 0 ? 1 : 0.1 * std::abs(range.low);
  return {range.low - around, range.high + around};
}

bool whole_numbers(const CurvePlot& plot) {
  return std::ranges::all_of(plot.curves, [](const Curve& curve) {
    return std::ranges::all_of(curve.x, [](double x) { return x == std::round(x); });
  });
}

void draw_curve(Picture& picture, const Curve& curve, const CurvePlot& plot, const PlotAxis& x,
                const PlotAxis& y) {
  std::string path, dots;
  bool pen_down = false;
  const bool points = curve.points || curve.x.size() == 1;  // a lone point makes no line
  for (std::size_t k = 0; k < std::min(curve.x.size(), curve.y.size()); ++k) {
    if (!drawable(curve.x[k], plot.log_x)) continue;
    const bool here = drawable(curve.y[k], plot.log_y);
    if (here) {
      const double across = x(curve.x[k]), up = y(curve.y[k] * (plot.percent ? 100 : 1));
      path += fmt::format("{}{:.1f} {:.1f}", pen_down && curve.joined ? "L" : "M", across, up);
      if (points) dots += fmt::format("M{:.1f} {:.1f}h0", across, up);
    }
    pen_down = here;
  }
  if (path.empty()) return;
  const char* dash = curve.faint        ? " stroke-dasharray=\"2 4\""
                     : curve.ink.dashed ? " stroke-dasharray=\"7 5\""
                                        : "";
  picture.shape("path",
                fmt::format("d=\"{}\" fill=\"none\" stroke=\"var(--{})\" stroke-width=\"{}\" "
                            "stroke-linejoin=\"round\"{}",
                            path, curve.ink.name,
                            curve.thin    ? 0.7
                            : curve.faint ? 1.4
                                          : 2.2,
                            dash),
                curve.name, curve.name);
  // Lines of no length with round ends.
  if (!dots.empty())
    picture.shape("path",
                  fmt::format("d=\"{}\" stroke=\"var(--{})\" stroke-width=\"5\" "
                              "stroke-linecap=\"round\"",
                              dots, curve.ink.name),
                  curve.name);
}

/// The line, and its slope beside it at two thirds of the part that is in the plot. Both axes are
/// logarithmic; everything is computed from logarithms, so that no power overflows.
void draw_guide(Picture& picture, const SlopeGuide& guide, const PlotAxis& x, const PlotAxis& y) {
  const double x0 = std::log10(guide.x0), y0 = std::log10(guide.y0);
  const auto height = [&](double at) {
    return y(std::pow(10., std::clamp(y0 + guide.slope * (at - x0), -307., 307.)));
  };
  const auto crossing = [&](double value) {
    return std::clamp(x0 + (std::log10(value) - y0) / guide.slope, std::log10(x.low),
                      std::log10(x.high));
  };
  const double low = crossing(y.low), high = crossing(y.high), at = (low + 2 * high) / 3;
  picture.line(x(std::pow(10., low)), height(low), x(std::pow(10., high)), height(high),
               "stroke=\"currentColor\" stroke-dasharray=\"5 6\"");
  picture.text(x(std::pow(10., at)) + (guide.above ? -8 : 8), height(at) + (guide.above ? -6 : 12),
               fmt::format("slope {:g}", guide.slope), guide.above ? "end" : "start");
}

Ink ink_named(const std::string& name) {
  constexpr std::string_view ramp = "ramp-";
  return name.starts_with(ramp) ? ramp_ink(static_cast<std::size_t>(name.back() - '1'))
                                : method_ink(name);
}

std::vector<double> numbers(const Json& values) {
  std::vector<double> result;
  for (const Json& value : values)
    result.push_back(value.is_number() ? value.get<double>() : std::nan(""));
  return result;
}

std::vector<std::string> words(const Json& values) {
  std::vector<std::string> result;
  for (const Json& value : values) result.push_back(show(value));
  return result;
}

/// Five digits tell all that a plot shows.
Json short_number(double value) {
  return std::isfinite(value) ? Json(std::stod(fmt::format("{:.5g}", value))) : Json();
}

bool is_heat_map(const Json& plot) { return member(plot, "cells").is_array(); }

HeatMap heat_map_of(const Json& plot) {
  HeatMap map{.label = text(plot, "title"),
              .x_title = text(plot, "x_title"),
              .y_title = text(plot, "y_title"),
              .x = words(member(plot, "x")),
              .y = words(member(plot, "y")),
              .percent = member(plot, "percent") == true,
              .lower_is_better = member(plot, "lower_is_better") == true};
  if (std::max(map.x.size(), map.y.size()) > most_heat_lines) return map;
  map.cells.resize(map.x.size() * map.y.size());
  const std::vector<double> values = numbers(member(plot, "cells"));
  const std::vector<double> spreads = numbers(member(plot, "spreads"));
  const std::vector<std::string> missing = words(member(plot, "missing"));
  for (std::size_t i = 0; i < map.cells.size(); ++i) {
    if (i < values.size()) map.cells[i].value = values[i];
    if (i < spreads.size()) map.cells[i].spread = spreads[i];
    if (i < missing.size()) map.cells[i].missing = missing[i];
  }
  return map;
}

CurvePlot curves_of(const Json& record) {
  CurvePlot plot{text(record, "title"), text(record, "x_title"), true};
  plot.log_x = member(record, "log_x") == true;
  plot.log_y = member(record, "log_y") == true;
  for (const Json& curve : objects(member(record, "curves"))) {
    Curve line{text(curve, "name"), numbers(member(curve, "x")), numbers(member(curve, "y")),
               ink_named(text(curve, "ink"))};
    line.ink.dashed = line.ink.dashed || member(curve, "dashed") == true;
    line.points = line.x.size() <= 20;
    for (const char* bound : {"low", "high"})
      if (curve.contains(bound)) {
        Curve edge{line.name, line.x, numbers(member(curve, bound)), line.ink};
        edge.faint = true;
        plot.curves.push_back(edge);
      }
    plot.curves.push_back(line);
  }
  return plot;
}

}  // namespace

std::optional<Picture> draw(const CurvePlot& plot) {
  const double unit = plot.percent ? 100 : 1;
  Range x, y;
  for (const Curve& curve : plot.curves)
    for (std::size_t k = 0; k < std::min(curve.x.size(), curve.y.size()); ++k)
      if (drawable(curve.x[k], plot.log_x) && drawable(curve.y[k], plot.log_y))
        x.add(curve.x[k]), y.add(curve.y[k] * unit);
  if (!x.drawable() || !y.drawable()) return {};
  if (plot.log_x || x.low == x.high) x = widened(x, plot.log_x, 0.02);
  y = widened(y, plot.log_y, 0.05);
  if (plot.percent) y.high = std::min(y.high, 100.);
  y.low = std::max(y.low, std::min(plot.y_from * unit, y.high));

  const auto [width, height] = plot.large ? large : normal;
  const bool marked = plot.mark > x.low && plot.mark < x.high;
  const double top = marked ? 26 : 12, bottom = height - 44;
  const PlotAxis y_axis{y.low, y.high, bottom, top, plot.log_y};
  double left = 0;
  std::vector<std::pair<double, std::string>> y_ticks;
  for (const double tick : y_axis.ticks()) {
    y_ticks.emplace_back(y_axis(tick), y_axis.tick(tick) + (plot.percent ? " %" : ""));
    left = std::max(left, letter_width * static_cast<double>(width_of(y_ticks.back().second)) + 14);
  }
  const PlotAxis x_axis{x.low, x.high, left, width - 14, plot.log_x};
  Picture picture(width, height);
  for (const auto& [place, words] : y_ticks) {
    picture.line(left, place, width - 14, place);
    picture.text(left - 6, place + 4, words, "end");
  }
  const bool whole = !plot.log_x && whole_numbers(plot);
  for (const double tick : x_axis.ticks())
    if (!whole || tick == std::round(tick))  // epochs are whole
      picture.text(x_axis(tick), bottom + 18, x_axis.tick(tick), "middle");
  picture.text((left + width - 14) / 2, height - 6, plot.x_title, "middle");
  if (marked) {
    picture.line(x_axis(plot.mark), top, x_axis(plot.mark), bottom,
                 "stroke=\"currentColor\" stroke-dasharray=\"2 4\"");
    picture.text(x_axis(plot.mark), top - 8, plot.mark_text, "middle");
  }
  picture.begin_frame(left - 4, top - 4, width - left - 6, bottom - top + 8);
  if (plot.log_x && plot.log_y)
    for (const SlopeGuide& guide : plot.guides) draw_guide(picture, guide, x_axis, y_axis);
  for (const Curve& curve : plot.curves) draw_curve(picture, curve, plot, x_axis, y_axis);
  picture.end_frame();
  return picture;
}

std::string curve_plot(const CurvePlot& plot) {
  const std::optional<Picture> picture = draw(plot);
  return picture ? picture->str(plot.label) : "";
}

void add_whisker(Bar& bar, const Json& row, const std::string& key) {
  if (const std::optional<Interval> interval = interval_of(row, key))
    bar.low = interval->low, bar.high = interval->high;
}

std::string bar_plot(const BarPlot& plot) {
  constexpr double line = 32, thickness = 0.68 * line;
  constexpr std::size_t longest_text = 26;
  double longest = 0, left = 0, behind = 0;
  const auto width = [&](const std::string& words) {
    return letter_width * static_cast<double>(std::min(width_of(words), longest_text)) + 10;
  };
  for (const Bar& bar : plot.bars) {
    double sum = 0;
    for (const double part : bar.parts) sum += drawable(part, true) ? part : 0;
    longest = std::max({longest, sum, std::isfinite(bar.high) ? bar.high : 0});
    left = std::max(left, width(bar.name));
    behind = std::max(behind, width(bar.value));
  }
  if (longest == 0 || !std::isfinite(longest)) return "";
  const PlotAxis axis{0, longest, left, std::max(left + 0.1 * normal.width, normal.width - behind)};
  Picture picture(std::max(normal.width, axis.end + behind),
                  line * static_cast<double>(plot.bars.size()) + 10);
  double middle = 5 + line / 2;
  for (const Bar& bar : plot.bars) {
    picture.text(left - 8, middle + 4, shortened(bar.name, longest_text), "end");
    double begin = 0;
    for (std::size_t p = 0; p < bar.parts.size(); ++p) {
      if (!drawable(bar.parts[p], true)) continue;
      picture.shape(
          "rect",
          fmt::format("x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{:.1f}\" "
                      "fill=\"var(--{})\"",
                      axis(begin), middle - thickness / 2, axis(begin + bar.parts[p]) - axis(begin),
                      thickness, bar.inks.at(p).name),
          bar.name, bar.name);
      begin += bar.parts[p];
    }
    if (std::isfinite(bar.low) && std::isfinite(bar.high)) {
      constexpr double cap = thickness / 5;
      picture.shape("path",
                    fmt::format("class=\"whisker\" d=\"M{0:.2f} {2:.1f}V{4:.1f}M{0:.2f} {3:.1f}"
                                "H{1:.2f}M{1:.2f} {2:.1f}V{4:.1f}\"",
                                axis(bar.low), axis(bar.high), middle - cap, middle, middle + cap));
      begin = std::max(begin, bar.high);
    }
    picture.text(axis(begin) + 8, middle + 4, shortened(bar.value, longest_text));
    middle += line;
  }
  return picture.str(plot.label);
}

Json to_json(const HeatMap& map) {
  Json record = {{"x", map.x},
                 {"y", map.y},
                 {"x_title", map.x_title},
                 {"y_title", map.y_title},
                 {"percent", map.percent},
                 {"lower_is_better", map.lower_is_better}};
  bool spreads = false;
  for (const HeatCell& cell : map.cells) {
    record["cells"].push_back(short_number(cell.value));
    record["spreads"].push_back(short_number(cell.spread));
    record["missing"].push_back(std::isfinite(cell.value) ? "" : cell.missing);
    spreads = spreads || std::isfinite(cell.spread);
  }
  if (!spreads) record.erase("spreads");
  return record;
}

std::string recorded_plot(const Json& plot) {
  return is_heat_map(plot) ? heat_map(heat_map_of(plot)) : curve_plot(curves_of(plot));
}

Legend recorded_legend(const Json& plot) {
  Legend entries;
  for (const Json& curve : objects(member(plot, "curves"))) {
    entries.emplace_back(text(curve, "name"), ink_named(text(curve, "ink")));
    entries.back().second.dashed |= member(curve, "dashed") == true;
  }
  return entries;
}

std::string recorded_plot_file(const Json& plot) {
  const std::optional<Picture> picture =
      is_heat_map(plot) ? draw(heat_map_of(plot)) : draw(curves_of(plot));
  // A heat map's y_title stands at its axis; what its numbers are is said here.
  return picture.value_or(Picture(large.width, large.height))
      .file(text(plot, "title"), text(plot, is_heat_map(plot) ? "value_title" : "y_title"),
            recorded_legend(plot));
}

}  // namespace twice::experiments
