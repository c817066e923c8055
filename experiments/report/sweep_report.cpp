// Settings, maps, costs and runs of a sweep.
#include "experiments/report/sweep_report.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "experiments/measure/statistics.h"
#include "experiments/report/html.h"
#include "experiments/report/plots.h"
#include "experiments/report/run_curves.h"
#include "experiments/report/run_maps.h"
#include "experiments/report/run_tables.h"
#include "experiments/report/sections.h"
#include "experiments/report/table.h"

namespace twice::experiments {
namespace {

std::string counted(std::size_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

std::string summary(const RunSet& set, const std::vector<RunSetting>& settings) {
  std::size_t done = 0, failed = 0;
  std::set<std::string> seeds;
  for (const Run& run : set.runs) {
    done += run.state == "done", failed += run.state == "failed";
    seeds.insert(run.seed);
  }
  std::string line =
      fmt::format("{} of {}: {} done, {} failed, {} unfinished; {}.",
                  counted(set.runs.size(), "run"), counted(settings.size(), "setting"), done,
                  failed, set.runs.size() - done - failed, counted(seeds.size(), "seed"));
  for (const std::string& axis : set.axes) {
    line += fmt::format(" {}:", axis);
    const char* between = " ";
    for (const Json& value : axis_values(settings, axis))
      line += between + show(value), between = ", ";
    line += ".";
  }
  return paragraph(line);
}

std::string best_settings(const std::vector<RunSetting>& settings) {
  std::vector<std::string> lines;
  for (const std::string& method : methods_of(settings))
    if (const RunSetting* best = best_setting(settings, method)) {
      const Moments accuracy = best->moments("test_accuracy");
      lines.push_back(
          fmt::format("{}: {}{} (n = {})", method, plus_minus(accuracy, run_fields().front()),
                      best->options.empty() ? "" : " at " + best->values(), accuracy.n));
    }
  if (lines.empty()) return paragraph("No run is done yet.", "warning");
  return paragraph(
             "Each method's setting of the highest mean test accuracy, with the standard "
             "deviation over its n seeds. It is chosen by the test set itself, so its number "
             "flatters it, the more the more settings it was chosen from.") +
         bullets(lines);
}

std::string failures(const RunSet& set) {
  std::vector<std::string> lines;
  for (const Run& run : set.runs)
    if (run.state == "failed") lines.push_back(run.name + ": " + one_line(run.error));
  if (lines.empty()) return "";
  const std::string title = counted(lines.size(), "run") + " failed";
  // A long list may be opened.
  constexpr std::size_t few = 5;
  return lines.size() <= few ? section(title, bullets(lines), 4) : details(title, bullets(lines));
}

/// A bar for each method, or each model and method.
std::string cost_section(const std::vector<RunSetting>& settings) {
  struct Cost {
    std::string method, model;
    std::vector<double> ms, seconds;  // of steps, of epochs
  };
  std::vector<Cost> costs;
  for (const RunSetting& setting : settings)
    for (const Run* run : setting.runs) {
      if (run->state != "done") continue;
      auto cost = std::ranges::find_if(
          costs, [&](const Cost& c) { return c.method == run->method && c.model == run->model; });
      if (cost == costs.end()) cost = costs.insert(costs.end(), {run->method, run->model, {}, {}});
      if (run->results.contains("ms")) cost->ms.push_back(run->results.at("ms"));
      if (run->results.contains("seconds") && run->epochs > 0)
        cost->seconds.push_back(run->results.at("seconds") / run->epochs);
    }
  std::ranges::stable_sort(costs, {}, &Cost::model);
  const bool models = several_models(settings);
  const auto bars = [&](const char* title, std::vector<double> Cost::*part, const char* unit) {
    BarPlot plot{.label = std::string(title) + ", one bar per method", .bars = {}};
    for (const Cost& cost : costs)
      if (const double value = median(cost.*part); std::isfinite(value))
        plot.bars.push_back({.name = models ? cost.model + " " + cost.method : cost.method,
                             .value = format_number(value) + unit,
                             .parts = {value},
                             .inks = {method_ink(cost.method)}});
    return figure(title, bar_plot(plot));
  };
  const std::string plots = bars("Time of one step", &Cost::ms, " ms") +
                            bars("Training time of one epoch", &Cost::seconds, " s");
  if (plots.empty()) return "";
  return section("Cost",
                 paragraph("Medians over the finished runs. Runs that ran side by side slowed each "
                           "other: compare them with each other, not with other machines or with "
                           "runs that had all cores.",
                           "note") +
                     figures(plots),
                 3);
}

}  // namespace

std::string runs_section(const RunSet& set, const Json& record, std::string_view title,
                         std::string_view id) {
  const std::vector<RunSetting> settings = settings_of(set);
  if (settings.empty())
    return section(title, paragraph("This record has no runs.", "warning"), 2, id);
  std::vector<Json> method_rows;
  for (const Run& run : set.runs)
    if (run.row.is_object()) method_rows.push_back(run.row);
  const std::string curves = run_curves(settings);
  return section(
      title,
      summary(set, settings) + best_settings(settings) +
          section("Settings", settings_table(set, settings), 3) + run_maps(set, settings) +
          (curves.empty() ? "" : section("Training", curves, 3)) + cost_section(settings) +
          section("Runs", failures(set) + runs_table(set, settings), 3) +
          methods_section(method_rows) + setup_section(record),
      2, id);
}

}  // namespace twice::experiments
