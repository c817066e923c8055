// The page, from top to bottom: the answer, the time, the memory, the roofline, the growth, the
// measurement.
#include "experiments/commands/profile/profile_page.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "experiments/commands/profile/memory_section.h"
#include "experiments/commands/profile/profile_columns.h"
#include "experiments/commands/profile/profile_findings.h"
#include "experiments/commands/profile/roofline.h"
#include "experiments/commands/profile/scaling_section.h"
#include "experiments/report/plots.h"
#include "experiments/report/sections.h"

namespace twice::experiments {

namespace {

std::string answer_section(const Json& record) {
  std::vector<Json> rows = objects(member(record, "rows"));
  const bool wide = text(member(record, "config"), "dtype") == "f64";
  for (Json& row : rows) row["gave_up"] = gave_up(row, wide);
  return tiles(profile_tiles(record)) + bullets(profile_findings(record)) +
         section("Every derivative", rows_table(rows, headline_columns()), 2, "headline");
}

/// "fused(add+relu) (64, 256)": which forward op something comes from.
std::string forward_op(const Json& forward) {
  if (!forward.is_object()) return "-";
  const std::string op = text(forward, "op"), shape = text(forward, "shape");
  return shape == "-" ? op : op + " " + shape;
}

Bar layer_bar(const Json& layer, const std::string& name) {
  Bar bar{.name = name, .value = format_number(number(layer, "ms")) + " ms"};
  for (const auto& [field, phase] : {std::pair{"forward_ms", "forward"},
                                     {"backward_ms", "backward"},
                                     {"double_backward_ms", "double backward"},
                                     {"update_ms", "update"}}) {
    bar.parts.push_back(number(layer, field));
    bar.inks.push_back(phase_ink(phase));
  }
  return bar;
}

/// The layers that take the most time, in the model's order.
std::string layers_figure(const Json& record) {
  constexpr std::size_t most = 16;
  const std::vector<Json> layers = objects(member(record, "layers"));
  std::vector<double> times;
  for (const Json& layer : layers) times.push_back(number(layer, "ms"));
  std::ranges::sort(times, std::greater{});
  const double least = times.size() > most ? times[most - 1] : 0;
  BarPlot plot{.label = "Milliseconds of each layer by phase"};
  for (const Json& layer : layers)
    if (number(layer, "ms") >= least) plot.bars.push_back(layer_bar(layer, text(layer, "layer")));
  return figure(
      layers.size() > most ? fmt::format("Time by layer: the {} longest", most) : "Time by layer",
      bar_plot(plot));
}

std::string phases_figure(const Json& record) {
  BarPlot plot{.label = "Milliseconds of each phase"};
  for (const Json& phase : objects(member(record, "phases")))
    plot.bars.push_back(
        {text(phase, "phase"),
         format_number(number(phase, "ms")) + " ms, " + format_percent(number(phase, "share")),
         {number(phase, "ms")},
         {phase_ink(text(phase, "phase"))}});
  return figure("Time by phase", bar_plot(plot));
}

/// Medians do not add up to the median of the sum where times jump; how far they are apart.
std::string sum_note(const Json& record) {
  const Json& attribution = member(record, "attribution");
  const double sum = number(attribution, "sum_of_medians_ms"),
               whole = number(attribution, "timed_step_ms");
  if (!std::isfinite(sum / whole)) return "";
  return paragraph(
      fmt::format("Times are the median of each part over {} runs; they sum to {} ms. "
                  "The median of the whole step is {} ms.",
                  text(attribution, "timed_runs"), format_number(sum), format_number(whole)),
      "note");
}

std::string time_section(const Json& record) {
  std::vector<Json> steps = objects(member(record, "steps")),
                    origins = objects(member(record, "origins"));
  if (steps.empty()) return "";
  for (Json& step : steps) step["forward op"] = forward_op(member(step, "forward"));
  for (Json& origin : origins) origin["forward op"] = forward_op(origin);
  const auto longer = [](const char* field) {
    return [field](const Json& a, const Json& b) { return number(a, field) > number(b, field); };
  };
  std::ranges::stable_sort(steps, longer("ms"));
  std::ranges::stable_sort(origins, longer("ms"));
  return section(
      "Where the time goes",
      paragraph(
          fmt::format("One step of {}: {}.", text(record, "method"), text(record, "equation"))) +
          sum_note(record) + legend(phase_legend(record), false) +
          figures(phases_figure(record) + layers_figure(record)) +
          section("By op",
                  paragraph("Under the column names of PyTorch's profiler. Self CPU is the time of "
                            "the op itself; CPU total has with it what differentiating it "
                            "spawned.",
                            "note") +
                      rows_table(objects(member(record, "ops")), op_columns()),
                  3) +
          section("By phase", rows_table(objects(member(record, "phases")), phase_columns()), 3) +
          section("By layer", rows_table(objects(member(record, "layers")), layer_columns()), 3) +
          details("By forward op: each with its backward, double backward and update",
                  rows_table(origins, layer_columns())) +
          details(fmt::format("All {} steps of the program, the longest first", steps.size()),
                  rows_table(steps, step_columns())),
      2, "time");
}

std::string roofline_section(const Json& record) {
  const std::string plot = roofline_plot(record);
  if (plot.empty()) return "";
  double without = 0;
  for (const Json& step : objects(member(record, "steps")))
    if (!(number(step, "flop") > 0)) without += number(step, "share");
  return section(
      "Roofline",
      paragraph(fmt::format(
          "The lines are what this machine reaches: a large matrix product, and memory streamed "
          "from beyond the caches. A disc is a step of the program, its area its share of the "
          "time. What lies under the flat roof is limited by arithmetic, what lies under the "
          "sloped one by memory; above the sloped one, numbers come from a cache; far below both, "
          "starting the step costs more than its work. Steps without FLOPs ({} of the time) are "
          "not shown.",
          format_percent(without))) +
          legend(phase_legend(record)) + figures(figure("GF/s against FLOP per byte", plot)),
      2, "roofline");
}

std::string peaks_table(const Json& record) {
  std::vector<std::vector<Cell>> rows;
  for (const Json& peak : objects(member(record, "peaks"))) {
    rows.push_back({{.text = text(peak, "threads")}});
    for (const char* field : {"gflops", "gbs"})
      rows.back().push_back({.text = format_number(number(peak, field)),
                             .is_number = true,
                             .order = number(peak, field)});
  }
  if (rows.empty()) return "";
  return sortable_table({{"threads", ""},
                         {"product GF/s",
                          "a product of two 1024 x 1024 matrices, the best of "
                          "several"},
                         {"memory GB/s",
                          "a = b + s c over arrays larger than the caches, the best "
                          "of several"}},
                        rows);
}

std::string measurement_section(const Json& record) {
  const Json& attribution = member(record, "attribution");
  std::vector<TextPair> facts;
  const auto share = [&](const char* field) { return format_percent(number(attribution, field)); };
  if (attribution.is_object()) {
    facts = {{"attributed", share("attributed_share") +
                                " of the wall time of a step is the time of one of its steps (the "
                                "median of the timed runs)"},
             {"overhead", share("overhead_share") +
                              ": a step with the clock read between its steps, against one without"
                              ", in turn"},
             {"clock", text(attribution, "clock_ns") + " ns a reading, " +
                           text(attribution, "readings") + " readings a step"},
             {"runs", text(attribution, "timed_runs") + " with readings, " +
                          text(attribution, "untimed_runs") + " without"},
             {"mixed", share("mixed_share") +
                           " of the time is in fused steps of more than one layer or phase; they "
                           "count for the value that they store"}};
  }
  std::vector<TextPair> how;
  if (const Json& object = member(record, "how"); object.is_object())
    for (const auto& [key, value] : object.members())
      how.emplace_back(replace_all(key, "_", " "), show(value));
  Json shown = record;
  if (const std::string caches = text(member(record, "how"), "caches"); caches != "-")
    shown["machine"]["caches"] = caches;
  return section("What was measured, and how",
                 definitions(facts, "meanings") + peaks_table(record) +
                     details("The rules, one by one", definitions(how, "meanings")) +
                     setup_section(shown),
                 2, "measurement");
}

std::string glossary() {
  std::vector<TextPair> pairs;
  std::set<std::string> seen;
  for (const std::vector<Column>* columns : {&headline_columns(), &op_columns(), &phase_columns(),
                                             &layer_columns(), &step_columns(), &value_columns()})
    for (const Column& column : *columns)
      if (seen.insert(column.heading).second) pairs.emplace_back(column.heading, column.meaning);
  return section("What each column means", definitions(pairs, "meanings"), 2, "columns");
}

}  // namespace

std::string profile_html(const Json& record) {
  const std::string method = text(record, "method"), model = text(record, "model");
  std::string settings;
  for (const char* key : {"batch", "data", "gamma", "epsilon", "threads"})
    if (const std::string value = text(member(record, "config"), key); value != "-")
      settings += fmt::format("{}{} {}", settings.empty() ? "" : ", ", key, value);
  return page(
      "twice profile: " + model,
      "<header>\n<h1>What a derivative costs, and why</h1>\n" +
          paragraph(fmt::format("{} on {} · {} · {} · twice {}", method, model, settings,
                                text(member(record, "machine"), "cpu"), text(record, "version")),
                    "subtitle") +
          "</header>\n" + answer_section(record) + time_section(record) + memory_section(record) +
          roofline_section(record) + scaling_section(record) + measurement_section(record) +
          glossary());
}

}  // namespace twice::experiments
