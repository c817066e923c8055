// Plots results of runs over one option at a time.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "experiments/files/words.h"
#include "experiments/report/html.h"
#include "experiments/report/plots.h"
#include "experiments/report/runs.h"
#include "experiments/report/table.h"

namespace twice::experiments {

namespace {

/// An axis is logarithmic if the ratio of its largest to its smallest value is at least `wide`.
constexpr double wide = 30;
constexpr std::size_t fewest_values = 3;

std::set<double> numbers_of(const std::vector<RunSetting>& settings, const std::string& axis) {
  std::set<double> numbers;
  for (const RunSetting& setting : settings)
    if (const double value = number(setting.options, axis); std::isfinite(value))
      numbers.insert(value);
  return numbers;
}

/// If `joined`, draws lines with the deviations over seeds beside them, otherwise a dot for each
/// setting.
std::string axis_plot(const std::vector<RunSetting>& settings, const Column& field,
                      const std::string& axis, bool joined) {
  const std::set<double> values = numbers_of(settings, axis);
  std::map<std::string, std::map<double, std::vector<Moments>>, NameOrder> methods;
  for (const RunSetting& setting : settings)
    if (const double x = number(setting.options, axis); std::isfinite(x))
      methods[setting.method][x].push_back(setting.moments(field.key));
  CurvePlot plot{.label = fmt::format("{} over {}", field.heading, axis),
                 .x_title = axis,
                 .log_x = *values.begin() > 0 && *values.rbegin() >= wide * *values.begin(),
                 .percent = field.format == format_percent};
  for (const auto& [method, points] : methods) {
    Curve curve{.name = method, .ink = method_ink(method), .points = true, .joined = joined};
    for (const auto& [x, found] : points)
      for (const Moments& moments : found) {
        curve.x.push_back(x);
        curve.y.push_back(moments.mean);
        curve.low.push_back(moments.mean - moments.deviation);
        curve.high.push_back(moments.mean + moments.deviation);
      }
    plot.curves.push_back(std::move(curve));
  }
  // A method that does not read the option is drawn as a level line.
  for (const RunSetting& setting : settings)
    if (const double y = setting.moments(field.key).mean;
        joined && !std::isfinite(number(setting.options, axis)))
      plot.curves.push_back({.name = setting.method,
                             .x = {*values.begin(), *values.rbegin()},
                             .y = {y, y},
                             .ink = method_ink(setting.method)});
  return figure(fmt::format("over {}", axis), curve_plot(plot));
}

}  // namespace

std::string run_axes(const RunSet& set, const std::vector<RunSetting>& settings) {
  std::vector<std::string> axes;
  double points = 1;
  for (const std::string& axis : set.axes)
    if (const std::size_t count = numbers_of(settings, axis).size(); count >= fewest_values) {
      axes.push_back(axis);
      points *= static_cast<double>(count);
    }
  std::set<std::string, NameOrder> methods;
  for (const RunSetting& setting : settings) methods.insert(setting.method);
  const bool alone = set.axes.size() == 1;
  // A grid of several axes is shown as heat maps.
  const bool drawn = 2 * static_cast<double>(settings.size()) < points;
  if (axes.empty() || (!alone && !drawn)) return "";
  Legend entries;
  for (const std::string& method : methods) entries.emplace_back(method, method_ink(method));
  std::vector<TextPair> views;
  for (const Column& field : result_columns(set)) {
    if (is_cost(field)) continue;
    std::string html;
    for (const std::string& axis : axes) html += axis_plot(settings, field, axis, alone);
    const bool some = std::ranges::any_of(settings, [&](const RunSetting& setting) {
      return std::isfinite(setting.moments(field.key).mean);
    });
    if (some) views.emplace_back(field.heading, unnamed_section(legend(entries) + figures(html)));
  }
  return choice(views);
}

}  // namespace twice::experiments
