// Tables and bars of a race.
#include "experiments/report/bench_report.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "experiments/report/columns.h"
#include "experiments/report/html.h"
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

std::vector<std::string> models_of(const std::vector<Json>& rows) {
  std::vector<std::string> models;
  for (const Json& row : rows)
    if (const std::string model = text(row, "model");
        std::ranges::find(models, model) == models.end())
      models.push_back(model);
  return models;
}

/// Our bar and the peer's for each method of a model.
std::string model_figure(const std::vector<Json>& rows, const std::string& model,
                         const std::string& peer) {
  BarPlot plot{.label = "Time of one step of " + model + ", one bar per method", .bars = {}};
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
    const auto add = [&](const char* field, const std::string& what) {
      if (const double ratio = number(mean, field); std::isfinite(ratio))
        pairs.emplace_back(format_ratio(ratio), what);
    };
    add("ratio", fmt::format("{}: time of {} over ours", method, peer));
    if (method == "exact") {
      add("ratio_to_f_gr", "time of a step of exact over one of f-gr");
      add("ratio_to_gradient", "time of a step of exact over one gradient");
    }
  }
  return pairs.empty() ? "" : tiles(pairs) + paragraph("Geometric means over the models.", "note");
}

std::string peer_section(const Json& peer) {
  if (!peer.is_object()) return "";
  std::vector<TextPair> pairs;
  for (const auto& [name, value] : peer.members())
    pairs.emplace_back(replace_all(name, "_", " "), show(value));
  return section("Peer", definitions(pairs, "facts"), 3);
}

}  // namespace

std::string bench_section(const Json& record, std::string_view title, std::string_view id) {
  const std::vector<Json> rows = objects(member(record, "rows"));
  if (rows.empty())
    return section(title, paragraph("This record has no rows: nothing was timed.", "warning"), 2,
                   id);
  const Json& peer = member(record, "peer");
  const std::string name = peer.is_object() ? text(peer, "name") : "the peer";
  std::string plots;
  for (const std::string& model : models_of(rows)) plots += model_figure(rows, model, name);
  return section(
      title,
      mean_tiles(record, name) +
          section("Times and memory",
                  rows_table(rows, bench_columns()) + columns_legend(rows, bench_columns()), 3) +
          (plots.empty()
               ? ""
               : section(
                     "Time of one step",
                     (peer.is_object()
                          ? paragraph("Behind the peer's time: how many times ours it is.", "note")
                          : "") +
                         figures(plots),
                     3)) +
          peer_section(peer) + setup_section(record),
      2, id);
}

}  // namespace twice::experiments
