// Which settings share a map, and its cells.
#include "experiments/report/run_maps.h"

#include <fmt/core.h>

#include <algorithm>

#include "experiments/report/heat_map.h"
#include "experiments/report/html.h"
#include "experiments/report/table.h"

namespace twice::experiments {
namespace {

std::string field_maps(const RunSet& set, const std::vector<RunSetting>& settings,
                       const RunField& field) {
  const auto has = [&](const char* axis) {
    return std::ranges::find(set.axes, axis) != set.axes.end();
  };
  const bool usual = has("gamma") && has("epsilon");
  const std::string down = usual ? "gamma" : set.axes[0], across = usual ? "epsilon" : set.axes[1];

  // One map for each method and combination of the other options.
  struct Part {
    std::string title;
    std::vector<const RunSetting*> settings = {};
  };
  std::vector<Part> parts;
  std::vector<double> all;
  for (const RunSetting& setting : settings) {
    if (!setting.options.contains(down) && !setting.options.contains(across)) continue;
    std::string title = setting.method;
    for (const std::string& axis : set.axes)
      if (axis != down && axis != across && setting.options.contains(axis))
        title += fmt::format(", {} {}", axis, text(setting.options, axis));
    auto part = std::ranges::find(parts, title, &Part::title);
    if (part == parts.end()) part = parts.insert(parts.end(), {title});
    part->settings.push_back(&setting);
    all.push_back(setting.moments(field.key).mean);
  }
  std::string html;
  constexpr std::size_t most_maps = 24;
  for (const Part& part : parts) {
    if (static_cast<std::size_t>(&part - parts.data()) == most_maps) {
      html += paragraph(fmt::format("{} more maps are left out; the table has their numbers.",
                                    parts.size() - most_maps),
                        "note");
      break;
    }
    const bool both =
        part.settings[0]->options.contains(down) && part.settings[0]->options.contains(across);
    // A method without one of the two has a map of one row.
    const std::string x_axis = both || part.settings[0]->options.contains(across) ? across : down;
    const std::vector<Json> columns = axis_values(settings, x_axis);
    const std::vector<Json> rows = both ? axis_values(settings, down) : std::vector<Json>{Json()};
    HeatMap map{.label = field.heading + " of " + part.title,
                .x_title = x_axis,
                .y_title = both ? down : "",
                .x = {},
                .y = {},
                .percent = field.format == format_percent,
                .lower_is_better = field.lower_is_better,
                .beside = all};
    for (const Json& column : columns) map.x.push_back(show(column));
    for (const Json& row : rows) {
      map.y.push_back(both ? show(row) : "");
      for (const Json& column : columns) {
        HeatCell cell;
        for (const RunSetting* setting : part.settings) {
          if (member(setting->options, x_axis) != column ||
              (both && member(setting->options, down) != row))
            continue;
          const Moments moments = setting->moments(field.key);
          cell.value = moments.mean;
          cell.spread = moments.deviation;
          cell.missing = setting->failed > 0 ? "failed" : "to do";
          if (moments.n < setting->runs.size())
            cell.note = fmt::format("{} of {} runs done", moments.n, setting->runs.size());
        }
        map.cells.push_back(cell);
      }
    }
    html += figure(part.title, heat_map(map));
  }
  return figures(html);
}

}  // namespace

std::string run_maps(const RunSet& set, const std::vector<RunSetting>& settings) {
  if (set.axes.size() < 2) return "";
  std::vector<TextPair> parts;
  bool notes = false;
  for (const RunField& field : run_fields()) {
    if (field.is_cost) continue;
    const std::string maps = field_maps(set, settings, field);
    notes = notes || maps.find("done)") != std::string::npos;
    if (!maps.empty()) parts.emplace_back(field.heading, maps);
  }
  if (parts.empty()) return "";
  return section(
      "Heat maps",
      paragraph(
          std::string("Means over seeds, below them the standard deviation; bright is better, "
                      "outlined is the best of a map. All maps of one quantity have the same "
                      "scale of colours.") +
              (notes ? " With an asterisk: some of the setting's runs are not done." : ""),
          "note") +
          choice("Show", parts),
      3);
}

}  // namespace twice::experiments
