// Which settings are drawn together, in which colours, and their means.
#include "experiments/report/run_curves.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "experiments/report/html.h"
#include "experiments/report/plots.h"

namespace twice::experiments {
namespace {

/// A setting with the name and the colour of its lines.
struct Line {
  const RunSetting* setting;
  std::string name;
  Ink ink;
};

/// The mean over the seeds that are done, epoch by epoch.
Curve mean_curve(const Line& line, const std::string& field) {
  std::map<double, std::vector<double>> values;
  std::size_t done = 0;
  for (const Run* run : line.setting->runs) {
    if (run->state != "done") continue;
    ++done;
    for (const Json& point : objects(member(run->row, "curve")))
      values[number(point, "epoch")].push_back(number(point, field));
  }
  Curve curve{.name = line.name, .ink = line.ink};
  for (const auto& [epoch, several] : values) {
    if (several.size() != done) continue;
    double sum = 0;
    for (const double value : several) sum += value;
    curve.x.push_back(epoch);
    curve.y.push_back(sum / static_cast<double>(done));
  }
  return curve;
}

std::string field_figure(const std::vector<Line>& lines, const std::string& field,
                         const std::string& title, bool percent) {
  CurvePlot plot{.label = title + " over epochs; thin: each seed, bold: their mean",
                 .x_title = "epoch"};
  plot.percent = percent;
  std::vector<double> values;
  std::vector<Curve> means;
  for (const Line& line : lines) {
    for (const Run* run : line.setting->runs) {
      if (run->state == "failed") continue;  // its loss just before the end would dwarf the others
      Curve curve{.name = line.name, .ink = line.ink, .thin = true};
      for (const Json& point : objects(member(run->row, "curve"))) {
        const double value = number(point, field);
        curve.x.push_back(number(point, "epoch"));
        curve.y.push_back(value);
        if (std::isfinite(value)) values.push_back(value);
      }
      if (line.setting->runs.size() > 1 || run->state != "done")
        plot.curves.push_back(std::move(curve));
    }
    means.push_back(mean_curve(line, field));
  }
  plot.curves.insert(plot.curves.end(), means.begin(), means.end());
  std::ranges::sort(values);
  if (values.empty()) return "";
  // Shares start far below where they end, and the differences that matter are at the end.
  if (percent)
    plot.y_from = values[values.size() / 6];
  else
    plot.log_y = values.front() > 0 && values.back() > 5 * values.front();
  const bool cut = values.front() < plot.y_from;
  return figure(title + (cut ? " (low values cut off)" : ""), curve_plot(plot));
}

std::string view(const std::vector<Line>& lines) {
  std::vector<std::pair<std::string, Ink>> entries;
  for (const Line& line : lines) entries.emplace_back(line.name, line.ink);
  const std::string plots =
      figures(field_figure(lines, "train_loss", "Training loss", false) +
              field_figure(lines, "test_accuracy", "Test accuracy", true) +
              field_figure(lines, "gradient_norm", "Gradient norm |∇L|", false));
  // Toggles of the legend reach the plots of their own section.
  return plots.empty() ? "" : "<section>\n" + legend(entries) + plots + "</section>\n";
}

/// Eight that can be told apart: from light to dark, then the same dashed.
Ink step_ink(std::size_t step) {
  Ink ink = ramp_ink(3 - step % 4);
  ink.dashed = step >= 4;
  return ink;
}
constexpr std::size_t most_lines = 8;

}  // namespace

std::string run_curves(const std::vector<RunSetting>& settings) {
  std::vector<TextPair> views;
  std::vector<Line> best;
  for (const std::string& method : methods_of(settings))
    if (const RunSetting* setting = best_setting(settings, method)) {
      const std::string values = setting->values();
      best.push_back(
          {setting, values.empty() ? method : method + ", " + values, method_ink(method)});
    }
  const auto add = [&](const std::string& title, const std::vector<Line>& lines) {
    if (const std::string html = view(lines); !html.empty()) views.emplace_back(title, html);
  };
  add("the best setting of each method", best);
  for (const std::string& method : methods_of(settings)) {
    std::vector<const RunSetting*> own;
    for (const RunSetting& setting : settings)
      if (setting.method == method) own.push_back(&setting);
    if (own.size() == 1 && best_setting(settings, method)) continue;  // it is in the first view
    std::ranges::stable_sort(own, [](const RunSetting* a, const RunSetting* b) {
      const double x = a->moments("test_accuracy").mean, y = b->moments("test_accuracy").mean;
      return std::isnan(y) ? !std::isnan(x) : x > y;
    });
    std::string title = fmt::format("{}: {} settings", method, own.size());
    if (own.size() > most_lines)
      title = fmt::format("{}: the best {} of {} settings", method, most_lines, own.size());
    own.resize(std::min(own.size(), most_lines));
    std::vector<Line> lines;
    for (std::size_t i = 0; i < own.size(); ++i)
      lines.push_back({own[i], own[i]->options.empty() ? method : own[i]->values(), step_ink(i)});
    add(title, lines);
  }
  if (views.empty()) return "";
  return paragraph(
             "Thin: each seed. Bold: the mean over the seeds that are done. Best is by test "
             "accuracy at the end. Failed runs are not drawn.",
             "note") +
         choice("Show", views);
}

}  // namespace twice::experiments
