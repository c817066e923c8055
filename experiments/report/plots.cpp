// Draws curves and bars, and plots from a record's numbers.
#include "experiments/report/plots.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "experiments/app/terminal.h"
#include "experiments/report/html.h"
#include "experiments/report/table.h"

namespace twice::experiments {
namespace {

std::vector<std::string> words(const Json& values) {
  std::vector<std::string> result;
  for (const Json& value : values) result.push_back(show(value));
  return result;
}

/// `value` rounded to `digits` digits; null if it is not finite.
Json short_number(double value, int digits = 5) {
  // strtod, not stod, which throws for a number that is nearly 0.
  return std::isfinite(value)
             ? Json(std::strtod(fmt::format("{:.{}g}", value, digits).c_str(), nullptr))
             : Json();
}

Json short_numbers(const std::vector<double>& values, int digits) {
  Json list = Json::array();
  for (const double value : values)
    list.push_back(drawable(value, false) ? short_number(value, digits) : Json());
  return list;
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
  const std::vector<double> values = numbers(plot, "cells");
  const std::vector<double> spreads = numbers(plot, "spreads");
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
  for (const Json& curve : objects(record, "curves")) {
    Curve line{text(curve, "name"), numbers(curve, "x"), numbers(curve, "y"),
               method_ink(text(curve, "ink"))};
    line.ink.dashed = line.ink.dashed || member(curve, "dashed") == true;
    line.points = line.x.size() <= 20;
    line.low = numbers(curve, "low");
    line.high = numbers(curve, "high");
    plot.curves.push_back(line);
  }
  return plot;
}

}  // namespace

bool drawable(double value, bool log) {
  return std::abs(value) <= 1e250 && (!log || value >= 1e-250);
}

std::string curve_plot(const CurvePlot& plot) {
  Json curves = Json::array(), last;
  bool any = false;
  for (const Curve& curve : plot.curves) {
    // A point that cannot be drawn on the x axis is left out and makes no gap.
    std::vector<double> x, y, low, high;
    const bool bounds = !curve.low.empty() && curve.low.size() == curve.high.size();
    for (std::size_t k = 0; k < std::min(curve.x.size(), curve.y.size()); ++k) {
      if (!drawable(curve.x[k], plot.log_x)) continue;
      any = any || drawable(curve.y[k], plot.log_y);
      x.push_back(curve.x[k]), y.push_back(curve.y[k]);
      if (bounds && k < curve.low.size())
        low.push_back(curve.low[k]), high.push_back(curve.high[k]);
    }
    if (x.empty()) continue;
    Json json = {{"name", printable(curve.name)},
                 {"ink", curve.ink.name},
                 {"x", short_numbers(x, 9)},
                 {"y", short_numbers(y, 6)}};
    if (json.at("x") == last)
      json.erase("x");
    else
      last = json.at("x");
    if (!curve.note.empty()) json["note"] = printable(curve.note);
    if (bounds) json["low"] = short_numbers(low, 6), json["high"] = short_numbers(high, 6);
    for (const auto& [name, value] : {std::pair{"points", curve.points || x.size() == 1},
                                      {"dashed", curve.ink.dashed},
                                      {"faint", curve.faint},
                                      {"thin", curve.thin},
                                      {"dots", !curve.joined}})
      if (value) json[name] = true;
    curves.push_back(std::move(json));
  }
  if (!any) return "";
  Json data = {{"x_title", printable(plot.x_title)}, {"curves", std::move(curves)}};
  for (const auto& [name, value] :
       {std::pair{"log_x", plot.log_x}, {"log_y", plot.log_y}, {"percent", plot.percent}})
    if (value) data[name] = true;
  if (std::isfinite(plot.y_from)) data["y_from"] = plot.y_from;
  for (const SlopeGuide& guide : plot.guides)
    data["guides"].push_back(Json::Array{guide.slope, guide.x0, guide.y0, guide.above});
  if (plot.mark > 0) data["mark"] = plot.mark, data["mark_text"] = printable(plot.mark_text);
  return render("parts",
                {{"chart", {{"label", plot.label}, {"large", plot.large}, {"data", data.dump()}}}});
}

std::string bar_plot(const BarPlot& plot) {
  // Sizes in the units of the picture. A narrow screen shows a picture at a scale of 0.8. A wide
  // screen shows three pictures in a row, at a scale of 0.9. Words are therefore about as large as
  // the page's words.
  constexpr double line = 32, thickness = 0.68 * line, least_width = 420;
  constexpr std::size_t longest_text = 26;
  double longest = 0, left = 0, behind = 0;
  const auto width = [&](const std::string& words) {
    return letter_width * static_cast<double>(std::min(width_of(words), longest_text)) + 10;
  };
  const auto has_whisker = [](const Bar& bar) {
    return bar.whisker && std::isfinite(bar.whisker->high - bar.whisker->low);
  };
  for (const Bar& bar : plot.bars) {
    double sum = 0;
    for (const double part : bar.parts) sum += drawable(part, true) ? part : 0;
    longest = std::max({longest, sum, has_whisker(bar) ? bar.whisker->high : 0});
    left = std::max(left, width(bar.name));
    behind = std::max(behind, width(bar.value));
  }
  if (longest == 0 || !std::isfinite(longest)) return "";
  const PlotAxis axis{0, longest, left, std::max(left + 0.1 * least_width, least_width - behind)};
  Picture picture(std::max(least_width, axis.end + behind),
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
    if (has_whisker(bar)) {
      const auto [low, high] = *bar.whisker;
      constexpr double cap = thickness / 5;
      picture.shape("path",
                    fmt::format("class=\"whisker\" d=\"M{0:.2f} {2:.1f}V{4:.1f}M{0:.2f} {3:.1f}"
                                "H{1:.2f}M{1:.2f} {2:.1f}V{4:.1f}\"",
                                axis(low), axis(high), middle - cap, middle, middle + cap));
      begin = std::max(begin, high);
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
  for (const Curve& curve : curves_of(plot).curves) entries.emplace_back(curve.name, curve.ink);
  return entries;
}

std::string recorded_plot_file(const Json& plot) {
  if (!is_heat_map(plot)) return curve_file(curves_of(plot), text(plot, "y_title"));
  // y_title stands at the axis. The line under the title describes the numbers.
  return draw(heat_map_of(plot))
      .value_or(Picture(500, 330))
      .file(text(plot, "title"), text(plot, "value_title"), {});
}

}  // namespace twice::experiments
