// The sections of records of train, bench and study.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "experiments/report/plots.h"
#include "experiments/report/sections.h"

namespace twice::experiments {
namespace {

/// What `bench` has beside the columns of `compare`, or means otherwise.
const std::vector<Column>& bench_columns() {
  static const std::vector<Column> columns = [] {
    std::vector<Column> list = {{"model", "model", "Model, batch, activation and dtype.", nullptr}};
    for (const Column& column : run_columns()) {
      list.push_back(column);
      if (column.key == "ms") {
        list.back().meaning =
            "Time of one training step, update included, in milliseconds: the median over the "
            "rounds of a round's median step.";
        list.push_back({"ms_iqr", "± iqr",
                        "The distance between the quartiles of the rounds' medians.",
                        format_number});
        list.push_back({"peer_ms", "peer ms", "The same step of the peer.", format_number});
        list.push_back({"peer_ms_iqr", "peer ± iqr", "Its quartiles' distance.", format_number});
        list.push_back({"ratio", "peer / ours", "The peer's time over ours: above 1 we are faster.",
                        format_ratio});
      }
      if (column.key == "ratio_to_gradient")
        list.push_back(
            {"ratio_to_f_gr", "vs f-gr", "Time of a step over that of f-gr.", format_ratio});
      if (column.key == "peak_mib") {
        list.push_back({"measured_mib", "measured MiB",
                        "Memory that two steps take in a process of their own.", format_number});
        list.push_back({"peer_mib", "peer MiB", "The same of the peer.", format_number});
      }
    }
    list.push_back({"samples", "rounds", "Rounds that were timed.", format_number});
    return list;
  }();
  return columns;
}

/// Our bar and the peer's for each method of a model.
std::string model_figure(const std::vector<Json>& rows, const std::string& model,
                         const std::string& peer) {
  BarPlot plot{.label = "Time of one step of " + model + ", one bar per method"};
  for (const Json& row : rows) {
    if (text(row, "model") != model) continue;
    const std::string method = text(row, "method");
    const double ms = number(row, "ms"), other = number(row, "peer_ms");
    plot.bars.push_back({method, format_number(ms) + " ms", {ms}, {method_ink(method)}});
    if (std::isfinite(other))
      plot.bars.push_back(
          {peer,
           fmt::format("{} ms · {}", format_number(other), format_ratio(number(row, "ratio"))),
           {other},
           {ramp_ink(0)}});
  }
  return figure(model, bar_plot(plot));
}

std::string mean_tiles(const Json& record, const std::string& peer) {
  std::vector<TextPair> pairs;
  for (const Json& mean : objects(member(record, "means"))) {
    const std::string method = text(mean, "method");
    const auto add = [&](const char* field, const std::string& caption) {
      if (const double ratio = number(mean, field); std::isfinite(ratio))
        pairs.emplace_back(format_ratio(ratio), caption);
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
    rows.push_back({{.text = text(claim, "claim"), .css_class = "words"},
                    {.text = holds ? "yes" : "no", .css_class = holds ? "" : "bad"},
                    {.text = record_number(member(claim, "value")),
                     .is_number = true,
                     .order = number(claim, "value")},
                    {.text = record_interval(member(claim, "interval"))},
                    {.text = text(claim, "uncertainty"), .css_class = "words"},
                    {.text = record_range(member(claim, "expected"))},
                    {.text = text(claim, "weight")}});
  }
  return sortable_table(
      {{"claim", ""},
       {"holds", "the whole interval lies where it is expected"},
       {"value", ""},
       {"interval", "the value's uncertainty"},
       {"the interval is", ""},
       {"expected", "where the interval must lie"},
       {"weight", "core: the study fails with it; limit: it does not hold everywhere"}},
      rows);
}

/// Makes cells of numbers where a column has them: its words ("never") have no digit.
void find_numbers(std::vector<std::vector<Cell>>& rows, std::size_t column) {
  const auto starts = [](const Cell& cell) {
    const std::size_t first = cell.text.find_first_of("0123456789");
    return first == 0 || (first == 1 && (cell.text[0] == '-' || cell.text[0] == '+'));
  };
  bool any = false;
  for (const auto& row : rows) {
    if (column >= row.size()) return;
    const Cell& cell = row[column];
    any = any || starts(cell);
    if (!starts(cell) && cell.text.find_first_of("0123456789") != std::string::npos) return;
  }
  if (!any) return;
  for (auto& row : rows) {
    Cell& cell = row[column];
    cell.is_number = true;
    cell.order = starts(cell) ? std::atof(cell.text.c_str()) : std::nan("");
  }
}

std::string recorded_table(const Json& table) {
  std::vector<Heading> headings;
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

/// The elements of an array as a list; "" of anything else.
std::string lines(const Json& array) {
  std::vector<std::string> result;
  if (array.is_array())
    for (const Json& line : array) result.push_back(show(line));
  return bullets(result);
}

}  // namespace

std::string train_section(const Json& record, std::string_view title, std::string_view id) {
  const std::vector<Json> rows = objects(member(record, "rows"));
  if (rows.empty())
    return section(title, paragraph("This record has no rows: nothing was trained.", "warning"), 2,
                   id);
  const std::string curves = training_plots(rows);
  return record_section(record, title, id, rows,
                        section("Result", rows_table(rows) + columns_legend(rows), 3) +
                            (curves.empty() ? "" : section("Training", curves, 3)));
}

std::string bench_section(const Json& record, std::string_view title, std::string_view id) {
  const std::vector<Json> rows = objects(member(record, "rows"));
  const Json& peer = member(record, "peer");
  const std::string name = peer.is_object() ? text(peer, "name") : "the peer";
  std::string plots;
  for (const std::string& model : models_of(rows)) plots += model_figure(rows, model, name);
  Json data = Json::object();
  if (!rows.empty())
    data = {{"means", mean_tiles(record, name)},
            {"table", rows_table(rows, bench_columns()) + columns_legend(rows, bench_columns())},
            {"plots", figures(plots)},
            {"peer", definitions(facts(peer), "facts")}};
  return section(title, render("bench", data) + setup_section(record), 2, id);
}

std::string study_section(const Json& record, std::string_view title, std::string_view id) {
  const std::vector<Json> claims = objects(member(record, "claims"));
  const auto holding = std::ranges::count_if(
      claims, [](const Json& claim) { return member(claim, "holds") == true; });
  Json plots = Json::array(), tables = Json::array();
  for (const Json& plot : objects(member(record, "plots")))
    if (const std::string svg = recorded_plot(plot); !svg.empty())
      plots.push_back({{"title", text(plot, "title")},
                       {"values", member(plot, plot.contains("cells") ? "value_title" : "y_title")},
                       {"legend", legend(recorded_legend(plot))},
                       {"svg", svg}});
  for (const Json& table : objects(member(record, "tables")))
    tables.push_back({{"title", text(table, "title")}, {"table", recorded_table(table)}});
  const std::string html =
      render("study",
             {{"tiles",
               tiles({{text(record, "verdict"), "verdict of the " + text(record, "form") + " form"},
                      {fmt::format("{} of {}", holding, claims.size()), "claims that hold"},
                      {format_seconds(number(record, "seconds")), "time that it took"}})},
              {"claimed", text(record, "claimed")},
              {"by", text(record, "by")},
              {"claims", claims.empty() ? "" : claims_table(claims)},
              {"remarks", lines(member(record, "remarks"))},
              {"plots", plots},
              {"tables", tables},
              {"setup", lines(member(record, "setup"))},
              {"larger", member(record, "larger")}});
  return section(title, html + setup_section(record), 2, id);
}

}  // namespace twice::experiments
