// From a record's numbers to SVG.
#include "experiments/report/plot_record.h"

#include <fmt/core.h>

#include <cmath>

#include "experiments/report/gnuplot.h"
#include "experiments/report/html.h"
#include "experiments/report/plots.h"

namespace twice::experiments {
namespace {

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

Ink ink_named(const std::string& name) {
  constexpr std::string_view ramp = "ramp-";
  return name.starts_with(ramp) ? ramp_ink(static_cast<std::size_t>(name.back() - '1'))
                                : method_ink(name);
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

std::string curves(const Json& record) {
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
  return curve_plot(plot);
}

}  // namespace

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
  return is_heat_map(plot) ? heat_map(heat_map_of(plot)) : curves(plot);
}

std::vector<std::pair<std::string, Ink>> recorded_legend(const Json& plot) {
  std::vector<std::pair<std::string, Ink>> entries;
  for (const Json& curve : objects(member(plot, "curves"))) {
    entries.emplace_back(text(curve, "name"), ink_named(text(curve, "ink")));
    entries.back().second.dashed |= member(curve, "dashed") == true;
  }
  return entries;
}

std::string recorded_plot_file(const Json& plot) {
  const std::string drawn = recorded_plot(plot);
  // As wide as a file is read in a repository's web view; the plot is scaled to it.
  constexpr int width = 560, line_height = 18, letter = 7;
  double units_wide = 500, units_high = 330;
  if (const std::size_t box = drawn.find("viewBox=\"0 0 "); box != std::string::npos)
    std::sscanf(drawn.c_str() + box, "viewBox=\"0 0 %lf %lf", &units_wide, &units_high);
  const int plot_height = static_cast<int>(std::lround(width * units_high / units_wide));
  // The legend: as many entries a line as fit.
  std::string legend;
  int x = 16, y = 62;
  for (const auto& [name, ink] : recorded_legend(plot)) {
    const int needed = 42 + letter * static_cast<int>(name.size());
    if (x > 16 && x + needed > width) x = 16, y += line_height;
    legend += fmt::format(
        "<path d=\"M{0} {1}h20\" stroke=\"var(--{2})\" stroke-width=\"2.5\"{3}/>"
        "<text x=\"{4}\" y=\"{5}\" font-size=\"12\">{6}</text>\n",
        x, y - 4, ink.name, ink.dashed ? " stroke-dasharray=\"5 4\"" : "", x + 25, y, escape(name));
    x += needed;
  }
  // A heat map's y_title stands at its axis; what its numbers are is said here.
  const std::string what = text(plot, is_heat_map(plot) ? "value_title" : "y_title");
  const int top = legend.empty() ? 50 : y + 8, height = top + plot_height;
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} "
      "{1}\" font-family=\"Helvetica, Arial, sans-serif\" role=\"img\" aria-label=\"{2}\">\n"
      "<style>svg {{ {3} --page: #ffffff; color: #1f2328; }}\n"
      "@media (prefers-color-scheme: dark) {{ svg {{ {4} --page: #0d1117; color: #e6edf3; }} }}\n"
      "svg > text {{ fill: currentColor; }} .gridline {{ stroke-opacity: 0.25; }}</style>\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"var(--page)\"/>\n"
      "<text x=\"16\" y=\"22\" font-size=\"15\" font-weight=\"bold\">{2}</text>\n"
      "<text x=\"16\" y=\"41\" font-size=\"12\">{5}</text>\n{6}"
      "<svg x=\"0\" y=\"{7}\" width=\"{0}\" height=\"{8}\"{9}</svg>\n",
      width, height, escape(text(plot, "title")), ink_definitions(false), ink_definitions(true),
      escape(what), legend, top, plot_height,
      drawn.empty() ? "><text x=\"16\" y=\"20\" font-size=\"12\" fill=\"currentColor\">" +
                          escape(missing_plots()) + "</text></svg>"
                    : drawn.substr(std::string("<svg").size()));
}

}  // namespace twice::experiments
