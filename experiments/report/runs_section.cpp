// Makes the section of a set of runs: the chosen settings, tables, maps, curves and costs.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

#include "experiments/files/words.h"
#include "experiments/measure/noise.h"
#include "experiments/measure/statistics.h"
#include "experiments/report/plots.h"
#include "experiments/report/runs.h"
#include "experiments/report/sections.h"

namespace twice::experiments {
namespace {

/// The values that an axis takes: numbers from small to large, words in order of appearance.
std::vector<Json> axis_values(const std::vector<RunSetting>& settings, const std::string& axis) {
  std::vector<Json> values;
  std::set<std::string> seen;
  for (const RunSetting& setting : settings)
    if (const Json* value = setting.options.find(axis); value && seen.insert(value->dump()).second)
      values.push_back(*value);
  if (std::ranges::all_of(values, [](const Json& value) { return value.is_number(); }))
    std::ranges::sort(values);
  return values;
}

/// The mean with its deviation, "95.1 % ± 0.2 %". An unknown deviation is left out.
std::string plus_minus(const Moments& moments, const Column& field) {
  std::string text = field.format(moments.mean);
  if (std::isfinite(moments.deviation)) text += " ± " + field.format(moments.deviation);
  return text;
}

/// Adds columns for the method and the options to a table of runs or settings.
template <class Item>
void add_options(TableOf<Item>& table, const RunSet& set) {
  table.add("method", "", [](const Item& item) {
    return Cell{.text = item.method, .ink = method_ink(item.method).name};
  });
  for (const std::string& axis : set.axes)
    table.add(axis, "option --" + axis, [&](const Item& item) {
      Cell cell{.text = text(item.options, axis)};
      if (const Json& value = member(item.options, axis); value.is_number() || value.is_null())
        cell.order = number(item.options, axis);
      return cell;
    });
}

std::string settings_table(const RunSet& set, const std::vector<RunSetting>& settings) {
  TableOf<RunSetting> table{settings};
  const std::string ranking = ranking_result(settings);
  const auto count = [](std::size_t number, const char* css_class) {
    return Cell{.text = std::to_string(number),
                .order = static_cast<double>(number),
                .css_class = number > 0 ? css_class : ""};
  };
  add_options(table, set);
  table.add("n", "number of values in the mean; runs with equal seeds count once",
            [&](const RunSetting& s) { return count(s.moments(ranking).n, ""); });
  table.add("failed", "runs that ended before their last epoch, with an error",
            [&](const RunSetting& s) { return count(s.failed, "bad"); });
  table.add("unfinished", "runs that are still to do, running or stopped",
            [&](const RunSetting& s) { return count(s.unfinished, "bad"); });
  for (const Column& field : result_columns(set))
    table.add(field.heading, field.meaning + " Mean ± standard deviation over seeds.",
              [&](const RunSetting& setting) {
                const Moments moments = setting.moments(field.key);
                return Cell{.text = plus_minus(moments, field), .order = moments.mean};
              });
  return table.html();
}

std::string runs_table(const RunSet& set) {
  TableOf<Run> table{set.runs};
  table.add("run", "", [](const Run& run) { return Cell{run.name, run.file}; });
  table.add("state", "", [](const Run& run) {
    return Cell{
        .text = run.state, .tooltip = run.error, .css_class = run.state == "done" ? "" : "bad"};
  });
  add_options(table, set);
  table.add("seed", "", [](const Run& run) {
    return Cell{.text = run.seed, .order = std::atof(run.seed.c_str())};
  });
  table.add("epochs", "complete epochs",
            [](const Run& run) { return Cell{.text = show(run.epochs), .order = run.epochs}; });
  for (const Column& field : result_columns(set))
    table.add(field.heading, field.meaning, [&](const Run& run) {
      const double value = run.result(field.key);
      return Cell{.text = field.format(value), .order = value};
    });
  return table.html();
}

std::string failures(const RunSet& set) {
  std::vector<std::string> lines;
  for (const Run& run : set.runs)
    if (run.state == "failed") lines.push_back(run.name + ": " + one_line(run.error));
  if (lines.empty()) return "";
  const std::string title = counted(lines.size(), "run") + " failed";
  // A long list is closed at first.
  constexpr std::size_t few = 5;
  return lines.size() <= few ? section(title, bullets(lines), 4) : details(title, bullets(lines));
}

/// Bars of each method's medians over the finished runs, with their intervals.
std::string cost_figures(const RunSet& set) {
  const auto bars = [&](const char* title, const char* unit, const auto& value_of) {
    const auto is_known = [&](const Run& run) { return std::isfinite(value_of(run)); };
    std::vector<Json> rows;
    for (const auto& [method, runs] : grouped(set.runs, &Run::method, is_known)) {
      std::vector<double> values;
      for (const Run* run : runs) values.push_back(value_of(*run));
      rows.push_back({{"method", method},
                      {"cost", median(values)},
                      {"cost_interval", to_json(median_interval(values))}});
    }
    return bars_figure(rows, "cost", title,
                       [&](const Json& row) { return format_number(number(row, "cost")) + unit; });
  };
  return figures(bars("Time of one step", " ms", [](const Run& run) { return run.result("ms"); }) +
                 bars("Training time of one epoch", " s",
                      [](const Run& run) { return run.result("seconds") / run.epochs; }));
}

/// A map of the settings `own` with the values that the axes have in all settings, and with a
/// single row if `down` is "".
HeatMap map_of(const std::vector<RunSetting>& settings, const std::vector<const RunSetting*>& own,
               const Column& field, const std::string& across, const std::string& down) {
  const std::vector<Json> columns = axis_values(settings, across),
                          rows = down.empty() ? std::vector<Json>(1) : axis_values(settings, down);
  HeatMap map{.label = "",
              .x_title = across,
              .y_title = down,
              .x = {},
              .y = {},
              .percent = field.format == format_percent,
              .lower_is_better = lower_is_better(field.key)};
  for (const Json& column : columns) map.x.push_back(show(column));
  for (const Json& row : rows) map.y.push_back(down.empty() ? "" : show(row));
  if (std::max(map.x.size(), map.y.size()) > most_heat_lines) return map;
  map.cells.resize(columns.size() * rows.size());
  for (const RunSetting* setting : own) {
    const auto x = std::ranges::find(columns, member(setting->options, across)),
               y = std::ranges::find(rows, member(setting->options, down));
    if (x == columns.end() || y == rows.end()) continue;
    HeatCell& cell = map.cells[static_cast<std::size_t>(y - rows.begin()) * columns.size() +
                               static_cast<std::size_t>(x - columns.begin())];
    const Moments moments = setting->moments(field.key);
    cell.value = moments.mean;
    cell.spread = moments.deviation;
    cell.missing = setting->failed > 0 ? "failed" : "to do";
    if (setting->done() < setting->runs.size())
      cell.note = fmt::format("{} of {} runs done", setting->done(), setting->runs.size());
  }
  return map;
}

std::string field_maps(const RunSet& set, const std::vector<RunSetting>& settings,
                       const Column& field) {
  const bool usual = holds(set.axes, "gamma") && holds(set.axes, "epsilon");
  const std::string down = usual ? "gamma" : set.axes[0], across = usual ? "epsilon" : set.axes[1];

  // One map for each method and combination of the other options.
  const auto is_shown = [&](const RunSetting& setting) {
    return setting.options.contains(down) || setting.options.contains(across);
  };
  const auto title_of = [&](const RunSetting& setting) {
    std::string title = setting.method;
    for (const std::string& axis : set.axes)
      if (axis != down && axis != across && setting.options.contains(axis))
        title += fmt::format(", {} {}", axis, text(setting.options, axis));
    return title;
  };
  const auto parts = grouped(settings, title_of, is_shown);
  std::vector<double> all;
  for (const RunSetting& setting : settings)
    if (is_shown(setting)) all.push_back(setting.moments(field.key).mean);
  std::string html;
  constexpr std::size_t most_maps = 24;
  for (std::size_t i = 0; i < std::min(parts.size(), most_maps); ++i) {
    const auto& [title, own] = parts[i];
    const bool has_across = own[0]->options.contains(across);
    // If a method does not read one of the two options, its map has one row.
    HeatMap map = map_of(settings, own, field, has_across ? across : down,
                         has_across && own[0]->options.contains(down) ? down : "");
    map.label = field.heading + " of " + title;
    map.beside = all;
    html += figure(title, heat_map(map));
  }
  if (parts.size() > most_maps)
    html += paragraph(fmt::format("{} more maps are left out; the table has their numbers.",
                                  parts.size() - most_maps),
                      "note");
  return figures(html);
}

/// Eight inks that can be distinguished: four shades, and the same four dashed.
Ink step_ink(std::size_t step) { return {ramp_ink(3 - step % 4).name, step >= 4}; }
constexpr std::size_t most_lines = 8;

/// The common model, data and options of all runs.
std::string common_text(const Json& record) {
  const Json &config = member(record, "config"), &data = member(record, "data");
  std::string line = record_name({{"rows", member(record, "rows")}, {"config", config}});
  if (line == "-") line.clear();
  const auto add = [&](const std::string& name, const std::string& value) {
    if (value != "-" && !value.empty())
      line += fmt::format("{}{} {}", line.empty() ? "" : ", ", name, value);
  };
  for (const char* part : {"train", "validation", "test"})
    add(std::string(part) + " examples", text(data, part));
  for (const char* option : {"epochs", "batch", "loss", "dtype", "augment"})
    add(option, text(config, option));
  return line;
}

/// The chosen setting of each method with its result, and the rule of the choice.
std::string chosen_list(const RunSet& set, const std::vector<RunSetting>& settings) {
  const std::string ranking = ranking_result(settings), result = result_name(ranking);
  const bool validated = ranking.starts_with("validation"), lowest = lower_is_better(ranking);
  const std::vector<Column> columns = result_columns(set);
  const auto shown = [&](const RunSetting& setting, const std::string& key) -> std::string {
    const auto field = std::ranges::find(columns, key, &Column::key);
    return field == columns.end() ? "-" : plus_minus(setting.moments(key), *field);
  };
  std::vector<std::string> lines;
  for (const RunSetting* setting : chosen_settings(settings)) {
    std::string line = fmt::format("{}: {}", setting->method, shown(*setting, ranking));
    if (validated)
      line += fmt::format(" on validation, {} on the test set",
                          shown(*setting, lowest ? "loss" : "test_accuracy"));
    lines.push_back(fmt::format("{}{} (n = {})", line,
                                setting->options.empty() ? "" : " at " + setting->values(),
                                setting->moments(ranking).n));
  }
  if (lines.empty()) return paragraph("No run is done yet.", "warning");
  std::string rule = "Each method has one setting, so nothing was chosen.";
  if (has_choice(settings))
    rule = fmt::format(
        "For each method, the list shows the setting with the {} mean {} among the settings with "
        "the most finished seeds. The setting is chosen {}",
        lowest ? "lowest" : "highest", result,
        validated ? "by the validation examples alone, without the test set."
                  : "on the test data, which is optimistic, especially with many settings. "
                    "--validation-share 0.1 sets training examples aside for the choice.");
  return paragraph(fmt::format("{} The numbers are the mean {} and the standard deviation over n "
                               "seeds.",
                               rule, result)) +
         bullets(lines);
}

TrainingLine training_line(const RunSetting& setting, const std::string& name, const Ink& ink) {
  const std::vector<const Run*> finished = setting.finished();
  TrainingLine line{name, ink, {}, finished.size()};
  for (const Run* run : finished) line.curves.push_back(&run->curve());
  // The loss of a failed run just before its end would dwarf the others.
  for (const Run* run : setting.runs)
    if (run->state == "unfinished") line.curves.push_back(&run->curve());
  return line;
}

}  // namespace

std::string run_maps(const RunSet& set, const std::vector<RunSetting>& settings) {
  if (set.axes.size() < 2) return "";
  std::vector<TextPair> parts;
  for (const Column& field : result_columns(set))
    if (!is_cost(field))
      if (const std::string maps = field_maps(set, settings, field); !maps.empty())
        parts.emplace_back(field.heading, maps);
  return choice(parts);
}

std::string run_curves(const std::vector<RunSetting>& settings) {
  std::vector<TextPair> views;
  std::vector<TrainingLine> best;
  const std::vector<const RunSetting*> chosen = chosen_settings(settings);
  for (const RunSetting* setting : chosen) {
    const std::string values = setting->values();
    best.push_back(training_line(*setting, setting->method + (values.empty() ? "" : ", " + values),
                                 method_ink(setting->method)));
  }
  const auto add = [&](const std::string& title, const std::vector<TrainingLine>& lines) {
    if (const std::string html = unnamed_section(training_plots(lines)); !html.empty())
      views.emplace_back(title, html);
  };
  add("the best setting of each method", best);
  constexpr std::size_t most_views = 24;
  const std::string result = ranking_result(settings);
  for (auto& [method, own] : grouped(settings, &RunSetting::method)) {
    if (views.size() == most_views) break;
    if (own.size() == 1 && holds(chosen, own[0])) continue;  // it is in the first view
    std::ranges::stable_sort(own, {}, [&](const RunSetting* setting) {
      return rank_of(result, setting->moments(result).mean);
    });
    const std::size_t shown = std::min(own.size(), most_lines);
    std::vector<TrainingLine> lines;
    for (std::size_t i = 0; i < shown; ++i)
      lines.push_back(
          training_line(*own[i], own[i]->options.empty() ? method : own[i]->values(), step_ink(i)));
    add(shown < own.size()
            ? fmt::format("{}: the best {} of {} settings", method, shown, own.size())
            : method + ": " + counted(shown, "setting"),
        lines);
  }
  return choice(views);
}

std::string runs_section(const RunSet& set, const Json& record) {
  const std::vector<RunSetting> settings = settings_of(set);
  if (settings.empty()) return paragraph("This record has no runs.", "warning");
  std::set<std::string> seeds;
  for (const Run& run : set.runs) seeds.insert(run.seeds);
  const auto in_state = [&](const char* state) {
    return std::ranges::count(set.runs, state, &Run::state);
  };
  std::string counts = fmt::format(
      "{} of {}: {} done, {} failed, {} unfinished; {}.", counted(set.runs.size(), "run"),
      counted(settings.size(), "setting"), in_state("done"), in_state("failed"),
      in_state("unfinished"), counted(seeds.size(), "seed"));
  for (const std::string& axis : set.axes)
    counts += fmt::format(" {}: {}.", axis, show(axis_values(settings, axis)));
  std::string html = paragraph(counts);
  if (const std::string common = common_text(record); !common.empty())
    html += paragraph("Common to these runs: " + common + ".", "note");
  if (!set.timed)
    html += paragraph("Times are left out: the runs had different machines or numbers of threads.",
                      "note");
  html += chosen_list(set, settings);

  const auto add = [&](const char* heading, const std::string& note, const std::string& content) {
    if (!content.empty()) html += section(heading, paragraph(note, "note") + content, 3);
  };
  add("Differences between methods",
      "The settings above are compared seed by seed. The table shows the mean difference and its "
      "95 % interval by Student's t, without a correction for several comparisons. Inconclusive "
      "means that the interval contains 0.",
      comparison_tables(paired_differences(set, settings)));
  html += section("Settings", settings_table(set, settings), 3);
  const std::string by_option = run_axes(set, settings);
  add("Results by option",
      "Means over seeds, with the standard deviation as a band. A method that does not read the "
      "option has a level line. Dots are the settings of a random search.",
      by_option);
  add("Heat maps",
      "Cells show the mean over seeds and, below it, the standard deviation. Brighter is better, "
      "and the best cell of a map is outlined. All maps of one quantity have the same colour "
      "scale. An asterisk marks a setting with runs that are not done.",
      by_option.empty() ? run_maps(set, settings) : "");
  add("Training",
      fmt::format("Thin lines are single seeds, and bold lines are means over the finished seeds. "
                  "The best setting is the one with the best {} at the end. Failed runs are not "
                  "drawn.",
                  result_name(ranking_result(settings))),
      run_curves(settings));
  add("Cost",
      "Medians over the finished runs of each method in all settings, with the 95 % interval of "
      "the median (for fewer than 6 runs, their range). Runs that ran side by side slowed each "
      "other down. Compare them with each other, not with other machines or with runs that had "
      "all cores.",
      cost_figures(set));
  html += section("Runs", failures(set) + runs_table(set), 3);

  std::vector<Json> rows;  // one for each method, for its equation
  const auto has_row = [](const Run& run) { return run.row != nullptr; };
  for (const auto& [method, runs] : grouped(set.runs, &Run::method, has_row))
    rows.push_back(*runs[0]->row);
  return html + equations_section(rows);
}

}  // namespace twice::experiments
