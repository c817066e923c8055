// Tables, learning curves, methods and set-up of a record.
#include "experiments/report/sections.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "experiments/report/html.h"
#include "experiments/report/plots.h"

namespace twice::experiments {
namespace {

/// `field` over epochs, a curve per row. The y axis is logarithmic when the values are positive
/// and span more than a factor of five.
std::string curve_figure(const std::vector<Json>& rows, const std::string& field,
                         const std::string& title, bool percent) {
  CurvePlot plot{.label = title + " over epochs, one line per method", .x_title = "epoch"};
  plot.percent = percent;
  std::vector<double> values;
  for (const Json& row : rows) {
    const std::string method = text(row, "method");
    Curve curve{.name = row_label(row, rows), .ink = method_ink(method)};
    for (const Json& point : objects(member(row, "curve"))) {
      const double value = number(point, field);
      curve.x.push_back(number(point, "epoch"));
      curve.y.push_back(value);
      if (std::isfinite(value)) values.push_back(value);
    }
    plot.curves.push_back(std::move(curve));
  }
  std::ranges::sort(values);
  if (values.empty()) return "";
  // Shares start far below where they end, and the differences that matter are at the end.
  if (percent)
    plot.y_from = values[values.size() / 6];
  else
    plot.log_y = values.front() > 0 && values.back() > 5 * values.front();
  const bool cut = values.front() < plot.y_from;
  return figure(title + (cut ? " (first epochs cut off)" : ""), curve_plot(plot));
}

/// The members of an object: first those listed in `order`, then the others.
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

}  // namespace

std::string row_label(const Json& row, const std::vector<Json>& rows) {
  const std::string method = text(row, "method");
  const auto same = [&](const Json& other) { return text(other, "method") == method; };
  if (std::ranges::count_if(rows, same) == 1) return method;
  return method + ", " + text(row, "threads") + " threads";
}

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

std::string rows_legend(const std::vector<Json>& rows) {
  std::vector<std::pair<std::string, Ink>> entries;
  for (const Json& row : rows)
    entries.emplace_back(row_label(row, rows), method_ink(text(row, "method")));
  return legend(entries);
}

std::string learning_curves(const std::vector<Json>& rows) {
  return figures(curve_figure(rows, "train_loss", "Training loss", false) +
                 curve_figure(rows, "test_accuracy", "Test accuracy", true) +
                 curve_figure(rows, "gradient_norm", "Gradient norm |∇L|", false));
}

std::string methods_section(const std::vector<Json>& rows) {
  std::string html;
  std::set<std::string> seen;
  for (const Json& row : rows) {
    const std::string method = text(row, "method");
    const std::string equation = text(row, "equation"), convention = text(row, "convention");
    if (!seen.insert(method).second || (equation == "-" && convention == "-")) continue;
    html += fmt::format(
        "<div><dt><i class=\"swatch\" style=\"--ink: "
        "var(--{})\"></i>{}</dt><dd><code>{}</code></dd>"
        "<dd>{}</dd></div>\n",
        method_ink(method).name, escape(method), escape(equation), escape(convention));
  }
  return html.empty() ? "" : section("Methods", "<dl class=\"equations\">\n" + html + "</dl>\n", 3);
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

std::string train_section(const Json& record, std::string_view title, std::string_view id) {
  const std::vector<Json> rows = objects(member(record, "rows"));
  if (rows.empty())
    return section(title, paragraph("This record has no rows: nothing was trained.", "warning"), 2,
                   id);
  const std::string curves = learning_curves(rows);
  return section(title,
                 section("Result", rows_table(rows) + columns_legend(rows), 3) +
                     (curves.empty() ? "" : section("Training", rows_legend(rows) + curves, 3)) +
                     methods_section(rows) + setup_section(record),
                 2, id);
}

}  // namespace twice::experiments
