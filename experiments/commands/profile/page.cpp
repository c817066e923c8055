// The page, from top to bottom: the answer, the time, the memory, the roofline, the growth, the
// measurement.
#include "experiments/commands/profile/page.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "experiments/commands/profile/tables.h"
#include "experiments/report/plots.h"
#include "experiments/report/sections.h"

namespace twice::experiments {

namespace {

constexpr double mib = 1 << 20;

std::string ms_text(const Json& row) { return format_number(number(row, "ms")) + " ms"; }

/// The layers that take the most time, in the model's order.
std::string layers_figure(const Json& record) {
  constexpr std::size_t most = 16;
  const std::vector<Json> layers = objects(member(record, "layers"));
  std::vector<double> times;
  for (const Json& layer : layers) times.push_back(number(layer, "ms"));
  std::ranges::sort(times, std::greater{});
  const double least = times.size() > most ? times[most - 1] : 0;
  BarPlot plot{.label = "Milliseconds of each layer by phase"};
  for (const Json& layer : layers) {
    if (number(layer, "ms") < least) continue;
    Bar bar{.name = text(layer, "layer"), .value = ms_text(layer)};
    for (const std::string phase : {"forward", "backward", "double backward", "update"}) {
      bar.parts.push_back(number(layer, replace_all(phase, " ", "_") + "_ms"));
      bar.inks.push_back(phase_ink(phase));
    }
    plot.bars.push_back(std::move(bar));
  }
  return figure(
      layers.size() > most ? fmt::format("Time by layer: the {} longest", most) : "Time by layer",
      bar_plot(plot));
}

std::string phases_figure(const Json& record) {
  BarPlot plot{.label = "Milliseconds of each phase"};
  for (const Json& phase : objects(member(record, "phases")))
    plot.bars.push_back({text(phase, "phase"),
                         ms_text(phase) + ", " + format_percent(number(phase, "share")),
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

/// A list of the record, longest first, with the `forward_op` of each entry as text:
/// "fused(add+relu) (64, 256)".
std::vector<Json> longest_first(const Json& record, const char* list) {
  std::vector<Json> rows = objects(member(record, list));
  for (Json& row : rows) {
    const Json& forward = std::string_view(list) == "origins" ? row : member(row, "forward");
    const std::string shape = text(forward, "shape");
    row["forward_op"] = text(forward, "op") + (shape == "-" ? "" : " " + shape);
  }
  std::ranges::stable_sort(rows, std::greater{}, [](const Json& row) { return number(row, "ms"); });
  return rows;
}

std::string time_section(const Json& record) {
  const auto table = [&](const char* name) {
    return rows_table(objects(member(record, name)), profile_columns(name));
  };
  const std::vector<Json> steps = longest_first(record, "steps");
  if (steps.empty()) return "";
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
                      table("ops"),
                  3) +
          section("By phase", table("phases"), 3) + section("By layer", table("layers"), 3) +
          details("By forward op: each with its backward, double backward and update",
                  rows_table(longest_first(record, "origins"), profile_columns("layers"))) +
          details(fmt::format("All {} steps of the program, the longest first", steps.size()),
                  rows_table(steps, profile_columns("steps"))),
      2, "time");
}

/// Live bytes in each step against the time at which it runs.
std::string live_figure(const Json& record) {
  const Json& memory = member(record, "memory");
  const std::vector<Json> steps = objects(member(record, "steps"));
  Curve live{.name = "alive", .ink = method_ink("exact")},
      arena{.name = "arena", .ink = method_ink("sgd"), .faint = true};
  CurvePlot plot{.label = "MiB of the arena that are alive, over the time of one step",
                 .x_title = "ms",
                 .large = true};
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const double begin = number(steps[i], "start_ms"), end = begin + number(steps[i], "ms");
    for (const double x : {begin, end})
      for (const auto& [curve, bytes] : {std::pair{&live, number(steps[i], "live_bytes")},
                                         {&arena, number(memory, "arena_bytes")}}) {
        curve->x.push_back(x);
        curve->y.push_back(bytes / mib);
      }
    if (static_cast<double>(i) == number(memory, "peak_step")) {
      plot.mark = (begin + end) / 2;
      plot.mark_text = fmt::format("peak: step {}", i);
    }
  }
  plot.curves = {arena, live};
  return figure("Memory over time, MiB (dotted: the arena)", curve_plot(plot));
}

std::string memory_section(const Json& record) {
  const Json& memory = member(record, "memory");
  if (!memory.is_object()) return "";
  const auto in_mib = [&](const char* field) {
    return format_number(number(memory, field) / mib) + " MiB";
  };
  std::vector<Json> peak = objects(member(memory, "at_peak"));
  for (Json& value : peak) {
    value["forward_op"] = text(member(value, "forward"), "op");
    if (member(value, "workspace") == true) value["op"] = text(value, "op") + " (workspace)";
    if (member(value, "overwritten") == true)
      value["shape"] = text(value, "shape") + ", overwritten here";
  }
  return section(
      "Memory",
      tiles({{in_mib("arena_bytes"),
              fmt::format("the arena, in which all computed values share memory; at least {} are "
                          "alive at once",
                          in_mib("most_alive_bytes"))},
             {in_mib("without_reuse_bytes"), "with a place of its own for every value"},
             {in_mib("saved_bytes"), "saved by the planner"},
             {in_mib("leaf_bytes"),
              fmt::format("parameters ({}), inputs and constants; the optimiser keeps {} more",
                          in_mib("parameter_bytes"), in_mib("optimizer_bytes"))}}) +
          legend(phase_legend(record)) +
          figures(
              live_figure(record) +
              figure("The arena: which value lies where, and how long (framed: alive at the peak)",
                     arena_plot(record))) +
          section("Alive at the peak", rows_table(peak, profile_columns("at_peak")), 3),
      2, "memory");
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
          "time. Steps under the flat roof are limited by arithmetic, steps under the sloped one "
          "by "
          "memory; above the sloped one, numbers come from a cache; far below both, "
          "starting the step costs more than its work. Steps without FLOPs ({} of the time) are "
          "not shown.",
          format_percent(without))) +
          legend(phase_legend(record)) + figures(figure("GF/s against FLOP per byte", plot)),
      2, "roofline");
}

std::string measurement_section(const Json& record) {
  const Json& a = member(record, "attribution");
  const auto share = [&](const char* field) { return format_percent(number(a, field)); };
  std::vector<TextPair> costs, how;
  if (a.is_object())
    costs = {
        {"attributed", share("attributed_share") +
                           " of the wall time of a step is the time of one of its steps (the "
                           "median of the timed runs)"},
        {"overhead", share("overhead_share") +
                         ": a step with the clock read between its steps, against one without"
                         ", in turn"},
        {"clock",
         text(a, "clock_ns") + " ns a reading, " + text(a, "readings") + " readings a step"},
        {"runs", text(a, "timed_runs") + " with readings, " + text(a, "untimed_runs") + " without"},
        {"mixed", share("mixed_share") +
                      " of the time is in fused steps of more than one layer or phase; they "
                      "count for the value that they store"}};
  if (const Json& object = member(record, "how"); object.is_object())
    for (const auto& [key, value] : object.members())
      how.emplace_back(replace_all(key, "_", " "), show(value));
  const std::vector<Json> peaks = objects(member(record, "peaks"));
  const std::vector<Column> columns = {
      {"threads", "threads", "", nullptr},
      {"gflops", "product GF/s", "a product of two 1024 x 1024 matrices, the best of several",
       format_number},
      {"gbs", "memory GB/s", "a = b + s c over arrays larger than the caches, the best of several",
       format_number}};
  Json shown = record;
  if (const std::string caches = text(member(record, "how"), "caches"); caches != "-")
    shown["machine"]["caches"] = caches;
  return section(
      "What was measured, and how",
      definitions(costs, "meanings") + (peaks.empty() ? "" : rows_table(peaks, columns)) +
          details("The rules, one by one", definitions(how, "meanings")) + setup_section(shown),
      2, "measurement");
}

std::string glossary() {
  std::vector<TextPair> pairs;
  std::set<std::string> seen;
  for (const Column& column : profile_columns(""))
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
          "</header>\n" + tiles(profile_tiles(record)) + bullets(profile_findings(record)) +
          section("Every derivative", rows_table(headline_rows(record), profile_columns("rows")), 2,
                  "headline") +
          time_section(record) + memory_section(record) + roofline_section(record) +
          scaling_section(record) + measurement_section(record) + glossary());
}

}  // namespace twice::experiments
