// Makes the tables, training curves, methods and set-up of a record, and the sections of all
// commands except compare and sweep.
#include "experiments/report/sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

#include "experiments/files/words.h"
#include "experiments/measure/noise.h"
#include "experiments/measure/statistics.h"
#include "experiments/report/plots.h"

namespace twice::experiments {
namespace {

/// The members of an object: first those listed in `order`, then the others. Empty if `object` is
/// not an object.
std::vector<TextPair> facts(const Json& object, std::initializer_list<const char*> order = {}) {
  std::vector<TextPair> pairs;
  if (!object.is_object()) return pairs;
  const auto name = [](const std::string& key) {
    return key == "memory_gib" ? "memory, GiB" : replace_all(key, "_", " ");
  };
  for (const char* key : order)
    if (object.contains(key)) pairs.emplace_back(name(key), text(object, key));
  for (const auto& [key, value] : object.members())
    if (!holds(order, key)) pairs.emplace_back(name(key), show(value));
  return pairs;
}

/// A page shows at most about this many points of a curve, evenly spaced, including the last one.
constexpr std::size_t most_points = 500;
/// If a line stands for many runs, at most this many of them are drawn beside the mean.
constexpr std::size_t most_runs_drawn = 30;

Curve curve_of(const TrainingLine& line, const Json& points, const std::string& field,
               std::size_t every) {
  Curve curve{.name = line.name, .ink = line.ink, .thin = true};
  if (points.is_array())
    for (std::size_t i = (points.size() + every - 1) % every; i < points.size(); i += every) {
      curve.x.push_back(number(points[i], "epoch"));
      curve.y.push_back(number(points[i], field));
    }
  return curve;
}

/// The mean over the finished runs, at the epochs that all of them have.
Curve mean_of(const TrainingLine& line, const std::string& field, std::size_t every) {
  std::map<double, std::vector<double>> values;
  for (std::size_t run = 0; run < line.finished; ++run) {
    const Curve curve = curve_of(line, *line.curves[run], field, every);
    for (std::size_t i = 0; i < curve.x.size(); ++i)
      if (std::isfinite(curve.x[i])) values[curve.x[i]].push_back(curve.y[i]);
  }
  Curve result{.name = line.name, .ink = line.ink};
  for (const auto& [epoch, several] : values)
    if (several.size() == line.finished) {
      result.x.push_back(epoch);
      result.y.push_back(mean(several));
    }
  return result;
}

std::string training_figure(const std::vector<TrainingLine>& lines, const std::string& field,
                            const std::string& title) {
  CurvePlot plot{.label = title + " over epochs", .x_title = "epoch"};
  plot.percent = field.ends_with("accuracy");
  std::size_t longest = 0;
  double epochs = 0;
  for (const TrainingLine& line : lines)
    for (const Json* points : line.curves)
      if (points->is_array() && points->size() > longest) {
        longest = points->size();
        epochs = number(points->back(), "epoch");
      }
  const std::size_t every = longest / most_points + 1;
  std::vector<Curve> means;
  bool some_left_out = false;
  for (const TrainingLine& line : lines) {
    const bool single = line.curves.size() == 1 && line.finished == 1;
    std::vector<const Json*> shown = line.curves;
    some_left_out = some_left_out || shown.size() > most_runs_drawn;
    shown.resize(single ? 0 : std::min(shown.size(), most_runs_drawn));
    for (const Json* points : shown) plot.curves.push_back(curve_of(line, *points, field, every));
    means.push_back(mean_of(line, field, every));
  }
  if (!plot.curves.empty()) plot.label += "; thin: each seed, bold: their mean";
  plot.curves.insert(plot.curves.end(), means.begin(), means.end());
  std::vector<double> values;
  for (const Curve& curve : plot.curves)
    std::ranges::copy_if(curve.y, std::back_inserter(values),
                         [](double value) { return std::isfinite(value); });
  std::ranges::sort(values);
  if (values.empty()) return "";
  // Accuracies start far below their final values, and only the differences at the end matter.
  if (plot.percent)
    plot.y_from = values[values.size() / 6];
  else
    plot.log_y = values.front() > 0 && values.back() > 5 * values.front();
  std::string note = values.front() < plot.y_from ? " (low values cut off)" : "";
  if (every > 1) note += fmt::format(" ({} of {} epochs)", (longest - 1) / every + 1, epochs);
  if (some_left_out) note += fmt::format(" ({} runs of a line)", most_runs_drawn);
  return figure(title + note, curve_plot(plot));
}

/// A bar for us and a bar for the peer, for each method of a model.
std::string model_figure(const std::vector<Json>& rows, const std::string& model,
                         const std::string& peer) {
  BarPlot plot{.label = "Time of one step of " + model + ", one bar per method"};
  for (const Json& row : rows) {
    if (text(row, "model") != model) continue;
    const std::string method = text(row, "method");
    const double ms = number(row, "ms"), other = number(row, "peer_ms");
    plot.bars.push_back(
        {method, format_number(ms) + " ms", {ms}, {method_ink(method)}, interval_of(row, "ms")});
    if (std::isfinite(other))
      plot.bars.push_back(
          {peer,
           fmt::format("{} ms · {}", format_number(other), format_ratio(number(row, "ratio"))),
           {other},
           {ramp_ink(0)},
           interval_of(row, "peer_ms")});
  }
  return figure(model, bar_plot(plot));
}

/// Means of several ratios with their intervals.
std::string mean_tiles(const Json& record, const std::string& peer) {
  std::vector<TextPair> pairs;
  for (const Json& mean : objects(record, "means")) {
    const std::string method = text(mean, "method");
    const auto add = [&](const char* field, const std::string& caption) {
      if (std::isfinite(number(mean, field)))
        pairs.push_back(ratio_tile(ratio_sentence(mean, field), caption));
    };
    add("ratio", fmt::format("{}: time of {} over ours", method, peer));
    if (method == "exact") {
      add("ratio_to_f_gr", "time of a step of exact over one of f-gr");
      add("ratio_to_gradient", "time of a step of exact over one gradient");
    }
  }
  return tiles(pairs);
}

std::string claims_table(const std::vector<Json>& claims) {
  std::vector<std::vector<Cell>> rows;
  for (const Json& claim : claims) {
    const bool holds = member(claim, "holds") == true;
    rows.push_back(
        {{.text = text(claim, "claim"), .css_class = "words"},
         {.text = holds ? "yes" : "no", .css_class = holds ? "" : "bad"},
         {.text = record_number(member(claim, "value")), .order = number(claim, "value")},
         {.text = record_interval(member(claim, "interval"))},
         {.text = text(claim, "uncertainty"), .css_class = "words"},
         {.text = record_range(member(claim, "expected"))},
         {.text = text(claim, "weight")}});
  }
  return sortable_table(
      {{"claim", ""},
       {"holds", "the whole interval lies in the expected range"},
       {"value", ""},
       {"interval", "the value's uncertainty"},
       {"the interval is", ""},
       {"expected", "the range in which the interval must lie"},
       {"weight", "core: the study fails if the claim fails; limit: it does not hold everywhere"}},
      rows);
}

/// Gives the cells of a column an order if each is a number or a word without digits ("never").
void find_numbers(std::vector<std::vector<Cell>>& rows, std::size_t column) {
  const auto first_digit = [](const Cell& cell) { return cell.text.find_first_of("0123456789"); };
  const auto starts = [&](const Cell& cell) {
    const std::size_t first = first_digit(cell);
    return first == 0 || (first == 1 && (cell.text[0] == '-' || cell.text[0] == '+'));
  };
  const auto fits = [&](const auto& row) {
    return column < row.size() &&
           (starts(row[column]) || first_digit(row[column]) == std::string::npos);
  };
  const auto is_number = [&](const auto& row) { return starts(row[column]); };
  if (!std::ranges::all_of(rows, fits) || std::ranges::none_of(rows, is_number)) return;
  for (auto& row : rows)
    row[column].order = starts(row[column]) ? std::atof(row[column].text.c_str()) : std::nan("");
}

std::string recorded_table(const Json& table) {
  std::vector<TextPair> headings;
  std::vector<std::vector<Cell>> rows;
  for (const Json& heading : member(table, "headings")) headings.push_back({show(heading), ""});
  for (const Json& row : member(table, "rows")) {
    std::vector<Cell> cells;
    for (const Json& cell : row) cells.push_back({.text = show(cell)});
    rows.push_back(std::move(cells));
  }
  for (std::size_t c = 0; c < headings.size(); ++c) find_numbers(rows, c);
  return sortable_table(headings, rows);
}

/// The facts under a heading.
std::string facts_section(std::string_view title, const std::vector<TextPair>& pairs) {
  return section(title, definitions(pairs, "facts"), 3);
}

/// The elements of an array as a list; "" for any other value.
std::string lines(const Json& array) {
  std::vector<std::string> result;
  if (array.is_array())
    for (const Json& line : array) result.push_back(show(line));
  return bullets(result);
}

}  // namespace

std::string rows_table(const std::vector<Json>& rows, const std::vector<Column>& columns) {
  TableOf<Json> table{rows};
  for (const Column& column : columns)
    if (is_used(column, rows))
      table.add(column.heading, column.meaning, [&](const Json& row) {
        Cell cell{.text = cell_text(column, row)};
        if (column.key == "method") {
          cell.ink = method_ink(cell.text).name;
          cell.tooltip = text(row, "equation");
        } else if (column.format) {
          cell.order = number(row, column.key);
        }
        return cell;
      });
  return table.html();
}

std::string explained_table(const std::vector<Json>& rows, const std::vector<Column>& columns) {
  std::vector<TextPair> pairs;
  for (const Column& column : columns)
    if (is_used(column, rows)) pairs.emplace_back(column.heading, column.meaning);
  return rows_table(rows, columns) +
         details("What each column means", definitions(pairs, "meanings"));
}

std::string bars_figure(const std::vector<Json>& rows, const std::string& key,
                        const std::string& title,
                        const std::function<std::string(const Json&)>& text_of) {
  BarPlot plot{.label = title + ", one bar per method"};
  for (const Json& row : rows)
    plot.bars.push_back({text(row, "method"),
                         text_of(row),
                         {number(row, key)},
                         {method_ink(text(row, "method"))},
                         interval_of(row, key)});
  return figure(title, bar_plot(plot));
}

std::string training_plots(const std::vector<TrainingLine>& lines) {
  std::string list = training_figure(lines, "train_loss", "Training loss") +
                     training_figure(lines, "test_accuracy", "Test accuracy");
  std::vector<Json> points;
  for (const TrainingLine& line : lines)
    for (const Json* curve : line.curves)
      if (curve->is_array() && !curve->empty()) points.push_back(curve->front());
  for (const std::string& metric : metric_names(points))
    list += training_figure(lines, metric, heading_of(metric));
  list += training_figure(lines, "gradient_norm", "Gradient norm |∇ℒ|");
  const std::string plots = figures(list);
  Legend entries;
  for (const TrainingLine& line : lines) entries.emplace_back(line.name, line.ink);
  return plots.empty() ? "" : legend(entries) + plots;
}

std::string training_plots(const std::vector<Json>& rows) {
  std::vector<TrainingLine> lines;
  for (const Json& row : rows) {
    const std::string method = text(row, "method");
    lines.push_back({method, method_ink(method), {&member(row, "curve")}});
  }
  return training_plots(lines);
}

std::string setup_section(const Json& record) {
  Json data = member(record, "data");
  if (data.is_object())
    for (const char* of_a_model : {"mean", "stddev", "input_names", "input_shape", "target_shape"})
      data.erase(of_a_model);
  Json made = member(record, "origin");
  if (made.is_object()) {
    if (member(made, "changed") != true) made.erase("changed");
    if (member(made, "environment").empty()) made.erase("environment");
    made.erase("command_line");  // shown at the head
  }
  std::vector<TextPair> noise;
  if (const Json& measured = member(record, "noise"); measured.is_object()) {
    const auto range = [&](const char* name) {
      return replace_all(text(measured, name), ", ", " to ");
    };
    noise = {{"waited", format_percent(number(measured, "waited")) +
                            " of the time other work had the threads' cores"},
             {"stolen", format_percent(number(measured, "stolen")) +
                            " of the cores' time went to other virtual machines"},
             {"load", range("load")},
             {"speed", range("speed") + " GFLOP/s of a fixed product"}};
  }
  return facts_section("Origin",
                       facts(made, {"date", "host", "commit", "changed", "environment"})) +
         facts_section("Noise", noise) +
         facts_section("Machine", facts(member(record, "machine"),
                                        {"cpu", "cores", "threads", "memory_gib", "os", "compiler",
                                         "flags", "kernels", "blas"})) +
         facts_section("Data", facts(data)) +
         facts_section("Options", facts(member(record, "config"),
                                        {"model", "width", "depth", "channels", "activation",
                                         "data", "batch", "epochs", "method", "gamma", "epsilon"}));
}

std::string record_head(const Json& record) {
  const Json& line = member(member(record, "origin"), "command_line");
  const std::string warning = noise_warning(record);
  return (line.is_string() ? command(line.string()) : "") +
         (warning.empty() ? "" : paragraph(warning, "warning"));
}

std::string record_title(const Json& record, const std::string& name) {
  const std::string date = text(member(record, "origin"), "date");
  return fmt::format("{}: {}{}", text(record, "command"), name, date == "-" ? "" : " · " + date);
}

std::string equations_section(const std::vector<Json>& rows) {
  Json list = Json::array();
  std::set<std::string> seen;
  for (const Json& row : rows) {
    const std::string method = text(row, "method"), equation = text(row, "equation"),
                      convention = text(row, "convention");
    if (!seen.insert(method).second || (equation == "-" && convention == "-")) continue;
    list.push_back({{"method", method},
                    {"ink", method_ink(method).name},
                    {"equation", equation},
                    {"convention", convention}});
  }
  return list.empty() ? "" : render("parts", {{"equations", {{"methods", list}}}});
}

std::string record_section(const Json& record, std::string_view title, std::string_view id,
                           const std::string& html) {
  return section(title, record_head(record) + html + setup_section(record), 2, id);
}

std::vector<std::string> distinct(const std::vector<Json>& rows, const std::string& field) {
  std::vector<std::string> values;
  const auto value_of = [&](const Json& row) { return text(row, field); };
  for (const auto& [value, same] : grouped(rows, value_of)) values.push_back(value);
  return values;
}

std::string train_section(const Json& record) {
  const std::vector<Json> rows = objects(record, "rows");
  if (rows.empty()) return paragraph("This record has no rows: nothing was trained.", "warning");
  const Json& error = member(record, "error");
  const std::string failed =
      error.is_string() ? paragraph("This run failed: " + one_line(error.string()), "warning") : "";
  return failed + section("Result", explained_table(rows, run_columns(rows)), 3) +
         section("Training", training_plots(rows), 3) + equations_section(rows);
}

std::string profile_section(const Json& record) {
  return paragraph("The whole profile is on a page of its own, beside its record.", "note") +
         explained_table(objects(record, "rows"), columns_of("rows"));
}

std::string evaluate_section(const Json& record) {
  std::vector<TextPair> pairs = {
      {"checkpoint", text(record, "checkpoint") + ", after " + text(record, "epochs") + " epochs"},
      {"examples", text(record, "examples") + " of " + text(record, "examples_of")}};
  if (const Json& metrics = member(record, "metrics"); metrics.is_object())
    for (const auto& [name, value] : metrics.members())
      pairs.emplace_back(heading_of(name), format_metric(name, number(metrics, name)));
  const Json& confusion = member(record, "confusion");
  std::string table;
  if (confusion.is_array() && !confusion.empty()) {
    const Json& names = member(member(record, "data"), "class_names");
    const auto name = [&](std::size_t k) {
      return names.is_array() && k < names.size() ? show(names[k]) : std::to_string(k);
    };
    std::vector<TextPair> headings = {{"true \\ predicted", ""}};
    std::vector<std::vector<Cell>> rows;
    for (std::size_t k = 0; k < confusion.size(); ++k) {
      headings.push_back({name(k), ""});
      rows.push_back({{.text = name(k)}});
      for (const Json& count : confusion[k])
        rows.back().push_back({.text = show(count), .order = count.get<double>()});
    }
    table = section("True and predicted classes", sortable_table(headings, rows), 3);
  }
  return definitions(pairs, "facts") + table;
}

std::string bench_section(const Json& record) {
  const std::vector<Json> rows = objects(record, "rows");
  if (rows.empty()) return paragraph("This record has no rows: nothing was timed.", "warning");
  const std::vector<TextPair> peer = facts(member(record, "peer"));
  const std::string name = peer.empty() ? "the peer" : text(member(record, "peer"), "name");
  std::string means = mean_tiles(record, name), plots;
  if (!means.empty()) means += paragraph("Geometric means over the models.", "note");
  for (const std::string& model : distinct(rows, "model")) plots += model_figure(rows, model, name);
  plots = figures(plots);
  if (!plots.empty() && !peer.empty())
    plots = paragraph("The number after the peer's time is its ratio to our time.", "note") + plots;
  return means + section("Times and memory", explained_table(rows, columns_of("bench")), 3) +
         section("Time of one step", plots, 3) + facts_section("Peer", peer);
}

std::string study_section(const Json& record) {
  const std::vector<Json> claims = objects(record, "claims");
  const auto holding = std::ranges::count_if(
      claims, [](const Json& claim) { return member(claim, "holds") == true; });
  std::string plots, tables, setup = lines(member(record, "setup"));
  for (const Json& plot : objects(record, "plots")) {
    const std::string values = text(plot, plot.contains("cells") ? "value_title" : "y_title"),
                      title = text(plot, "title") +
                              (values.empty() || values == "-" ? "" : ": " + values);
    if (const std::string html = recorded_plot(plot); !html.empty())
      plots += unnamed_section(figure(title, legend(recorded_legend(plot)) + html));
  }
  for (const Json& table : objects(record, "tables"))
    tables += section(text(table, "title"), recorded_table(table), 4);
  if (const std::string larger = text(record, "larger"); !larger.empty() && larger != "-")
    setup += paragraph("A larger machine would add: " + larger);
  return tiles({{text(record, "verdict"), "verdict of the " + text(record, "form") + " form"},
                {fmt::format("{} of {}", holding, claims.size()), "claims that hold"},
                {format_seconds(number(record, "seconds")), "time of the study"}}) +
         paragraph(text(record, "claimed")) +
         paragraph("Source of the claim: " + text(record, "by"), "note") +
         (claims.empty() ? paragraph("This record has no claims.", "warning")
                         : section("Claims", claims_table(claims), 3)) +
         lines(member(record, "remarks")) + figures(plots) + tables + section("Set-up", setup, 3);
}

}  // namespace twice::experiments
