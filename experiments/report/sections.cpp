// Tables, training curves, methods and set-up of a record.
#include "experiments/report/sections.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "experiments/measure/statistics.h"
#include "experiments/report/plots.h"

namespace twice::experiments {
namespace {

Curve curve_of(const TrainingLine& line, const Json& points, const std::string& field) {
  Curve curve{.name = line.name, .ink = line.ink, .thin = true};
  for (const Json& point : objects(points)) {
    curve.x.push_back(number(point, "epoch"));
    curve.y.push_back(number(point, field));
  }
  return curve;
}

/// The mean over the runs that are done, of the epochs that all of them have.
Curve mean_of(const TrainingLine& line, const std::string& field) {
  std::map<double, std::vector<double>> values;
  for (const Json* points : line.done) {
    const Curve curve = curve_of(line, *points, field);
    for (std::size_t i = 0; i < curve.x.size(); ++i)
      if (std::isfinite(curve.x[i])) values[curve.x[i]].push_back(curve.y[i]);
  }
  Curve result{.name = line.name, .ink = line.ink};
  for (const auto& [epoch, several] : values)
    if (several.size() == line.done.size()) {
      result.x.push_back(epoch);
      result.y.push_back(mean(several));
    }
  return result;
}

std::string training_figure(const std::vector<TrainingLine>& lines, const std::string& field,
                            const std::string& title, bool percent) {
  CurvePlot plot{.label = title + " over epochs", .x_title = "epoch"};
  plot.percent = percent;
  std::vector<Curve> means;
  for (const TrainingLine& line : lines) {
    const bool single = line.done.size() == 1 && line.unfinished.empty();
    if (!single)
      for (const auto* runs : {&line.done, &line.unfinished})
        for (const Json* points : *runs) plot.curves.push_back(curve_of(line, *points, field));
    means.push_back(mean_of(line, field));
  }
  if (!plot.curves.empty()) plot.label += "; thin: each seed, bold: their mean";
  plot.curves.insert(plot.curves.end(), means.begin(), means.end());
  std::vector<double> values;
  for (const Curve& curve : plot.curves)
    std::ranges::copy_if(curve.y, std::back_inserter(values),
                         [](double value) { return std::isfinite(value); });
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

/// Equation and convention of each method.
Json methods_of(const std::vector<Json>& rows) {
  Json list = Json::array();
  std::set<std::string> seen;
  for (const Json& row : rows) {
    const std::string method = text(row, "method");
    const std::string equation = text(row, "equation"), convention = text(row, "convention");
    if (!seen.insert(method).second || (equation == "-" && convention == "-")) continue;
    list.push_back({{"method", method},
                    {"ink", method_ink(method).name},
                    {"equation", equation},
                    {"convention", convention}});
  }
  return list;
}

}  // namespace

std::string rows_table(const std::vector<Json>& rows, const std::vector<Column>& columns) {
  std::vector<Heading> headings;
  std::vector<std::vector<Cell>> cells(rows.size());
  for (const Column& column : columns) {
    if (!is_used(column, rows)) continue;
    headings.push_back({column.heading, column.meaning});
    for (std::size_t i = 0; i < rows.size(); ++i) {
      Cell cell{.text = cell_text(column, rows[i])};
      if (column.key == "method") {
        cell.ink = method_ink(cell.text).name;
        cell.tooltip = text(rows[i], "equation");
      } else if (column.format) {
        cell.is_number = true;
        cell.order = number(rows[i], column.key);
      }
      cells[i].push_back(std::move(cell));
    }
  }
  return sortable_table(headings, cells);
}

std::string columns_legend(const std::vector<Json>& rows, const std::vector<Column>& columns) {
  std::vector<TextPair> pairs;
  for (const Column& column : columns)
    if (is_used(column, rows)) pairs.emplace_back(column.heading, column.meaning);
  return details("What each column means", definitions(pairs, "meanings"));
}

std::string row_label(const Json& row, const std::vector<Json>& rows) {
  const std::string method = text(row, "method");
  const auto same = [&](const Json& other) { return text(other, "method") == method; };
  if (std::ranges::count_if(rows, same) == 1) return method;
  return method + ", " + text(row, "threads") + " threads";
}

std::string training_plots(const std::vector<TrainingLine>& lines) {
  const std::string plots =
      figures(training_figure(lines, "train_loss", "Training loss", false) +
              training_figure(lines, "test_accuracy", "Test accuracy", true) +
              training_figure(lines, "gradient_norm", "Gradient norm |∇L|", false));
  Legend entries;
  for (const TrainingLine& line : lines) entries.emplace_back(line.name, line.ink);
  return plots.empty() ? "" : legend(entries) + plots;
}

std::string training_plots(const std::vector<Json>& rows) {
  std::vector<TrainingLine> lines;
  for (const Json& row : rows)
    lines.push_back(
        {row_label(row, rows), method_ink(text(row, "method")), {&member(row, "curve")}});
  return training_plots(lines);
}

std::vector<TextPair> facts(const Json& object, std::initializer_list<const char*> order) {
  std::vector<TextPair> pairs;
  if (!object.is_object()) return pairs;
  const auto name = [](const std::string& key) {
    return key == "memory_gib" ? "memory, GiB" : replace_all(key, "_", " ");
  };
  for (const char* key : order)
    if (object.contains(key)) pairs.emplace_back(name(key), text(object, key));
  for (const auto& [key, value] : object.members())
    if (std::ranges::find(order, key) == order.end()) pairs.emplace_back(name(key), show(value));
  return pairs;
}

std::string setup_section(const Json& record) {
  const std::string machine = definitions(
      facts(member(record, "machine"),
            {"cpu", "cores", "threads", "memory_gib", "os", "compiler", "flags", "blas"}),
      "facts");
  const std::string options = definitions(
      facts(member(record, "config"), {"model", "width", "depth", "channels", "activation", "data",
                                       "batch", "epochs", "method", "gamma", "epsilon"}),
      "facts");
  return (machine.empty() ? "" : section("Machine", machine, 3)) +
         (options.empty() ? "" : section("Options", options, 3));
}

std::string record_section(const Json& record, std::string_view title, std::string_view id,
                           const std::vector<Json>& rows, const std::string& html) {
  const Json methods = methods_of(rows);
  const std::string equations =
      methods.empty() ? "" : render("parts", {{"equations", {{"methods", methods}}}});
  return section(title, html + equations + setup_section(record), 2, id);
}

std::vector<std::string> models_of(const std::vector<Json>& rows) {
  std::vector<std::string> models;
  for (const Json& row : rows)
    if (const std::string model = text(row, "model");
        std::ranges::find(models, model) == models.end())
      models.push_back(model);
  return models;
}

}  // namespace twice::experiments
