// The page of a profile from top to bottom: the answer, the time, the memory, the roofline, the
// growth, the measurement.
#include "experiments/commands/profile/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "experiments/measure/noise.h"
#include "experiments/report/plots.h"
#include "experiments/report/sections.h"

namespace twice::experiments {

namespace {

const std::string finite_differences = "H v, finite differences";

std::string percent(double share) {
  return std::isfinite(share) ? fmt::format("{:.0f} %", 100 * share) : "-";
}

/// For two rows that were timed in turn: the time of `a` divided by the time of `b`, with its
/// interval.
std::string ratio_of(const Json& a, const Json& b) {
  const std::vector<double> of_a = numbers(a, "samples_ms"), of_b = numbers(b, "samples_ms");
  if (of_a.empty() || of_a.size() != of_b.size())
    return format_ratio(number(a, "ms") / number(b, "ms"));
  Json row = Json::object();
  add_ratio(row, "ratio", ratio_in_rounds(of_a, of_b));
  return ratio_sentence(row, "ratio");
}

/// The row of the profiled plan or method.
Json own_row(const std::vector<Json>& rows, const Json& record) {
  return with_text(rows, "name",
                   is_plan(record) ? text(record, "model") : "step of " + text(record, "method"));
}

/// The row of the fastest exact H v.
Json fastest_hvp(const std::vector<Json>& rows) {
  Json fastest;
  for (const Json& row : rows)
    if (text(row, "kind") == "hvp" && text(row, "name") != finite_differences &&
        (fastest.is_null() || number(row, "ms") < number(fastest, "ms")))
      fastest = row;
  return fastest;
}

/// The words about a row; null without a row.
Json words_of(const Json& row) {
  if (row.is_null()) return {};
  const std::string law = text(row, "products_law_text");
  return {{"ms", ms_text(row)},
          {"products", text(row, "products") + " products" + (law == "-" ? "" : " (" + law + ")")},
          {"over_loss", ratio_sentence(row, "ratio_to_loss")},
          {"over_gradient", ratio_sentence(row, "ratio_to_gradient")},
          {"error", error_text(number(row, "error"))},
          {"gave_up", text(row, "gave_up")}};
}

using Shares = std::vector<std::pair<std::string, double>>;

/// The largest shares first: "70 % compute, 20 % memory".
std::string largest(Shares shares, std::size_t most) {
  std::ranges::stable_sort(shares, std::greater{}, &Shares::value_type::second);
  std::string line;
  for (std::size_t i = 0; i < std::min(most, shares.size()); ++i)
    if (i == 0 || shares[i].second >= 0.005)
      line += fmt::format("{}{} {}", i ? ", " : "", percent(shares[i].second), shares[i].first);
  return line;
}

/// The largest shares of a table's rows.
std::string shares_in(const Json& record, const char* table, const char* name, const char* share,
                      std::size_t most) {
  Shares shares;
  for (const Json& row : objects(record, table))
    shares.emplace_back(one_line(text(row, name)), number(row, share));
  return largest(std::move(shares), most);
}

/// The largest shares of the predicted time, by cause.
std::string predicted_parts(const std::vector<Json>& steps, std::size_t most) {
  std::map<std::string, double> parts;
  double all = 0;
  for (const Json& step : steps)
    for (const auto& [name, part] : member(step, "predicted").members())
      if (part.is_number()) parts[name] += part.get<double>(), all += part.get<double>();
  for (auto& [name, share] : parts) share /= all;
  return largest({parts.begin(), parts.end()}, most);
}

/// The large numbers at the top of the page.
std::vector<TextPair> profile_tiles(const Json& record) {
  const std::vector<Json> rows = table_rows(record, "rows");
  const std::string method = text(record, "method");
  const Json loss = with_text(rows, "name", "loss"), gradient = with_text(rows, "name", "gradient"),
             own = own_row(rows, record), sgd = with_text(rows, "name", "step of sgd");
  std::vector<TextPair> pairs;
  if (is_plan(record)) pairs.emplace_back(ms_text(own), "a " + profiled(record));
  const auto add_ratio_tile = [&](const std::string& ratio, const std::string& caption) {
    if (ratio != "-") pairs.push_back(ratio_tile(ratio, caption));
  };
  add_ratio_tile(ratio_sentence(gradient, "ratio_to_loss"),
                 fmt::format("a gradient over a loss, of {} over {} products",
                             text(gradient, "products"), text(loss, "products")));
  add_ratio_tile(ratio_sentence(fastest_hvp(rows), "ratio_to_gradient"),
                 "an exact H v over a gradient");
  if (method != "sgd")
    add_ratio_tile(ratio_of(own, sgd),
                   fmt::format("a step of {} over a step of sgd, of {} over {} products", method,
                               text(own, "products"), text(sgd, "products")));
  if (method != "f-gr")
    add_ratio_tile(ratio_of(own, with_text(rows, "name", "step of f-gr")),
                   fmt::format("a step of {} over one of f-gr", method));
  if (const double share = number(own, "peak_share"); std::isfinite(share))
    pairs.emplace_back(percent(share),
                       "of the machine's measured product peak, in a " +
                           (is_plan(record) ? profiled(record) : "step of " + method));
  return pairs;
}

/// Sentences on the cost of gradient, H v and the methods' steps, on the time of the profiled step
/// by bound, phase and layer, and on its memory. Each is omitted if the record lacks its numbers.
std::vector<std::string> profile_findings(const Json& record) {
  const std::vector<Json> rows = table_rows(record, "rows"), steps = objects(record, "steps");
  const std::string method = text(record, "method");
  const Json own = own_row(rows, record), gradient = with_text(rows, "name", "gradient"),
             hvp = fastest_hvp(rows), sgd = with_text(rows, "name", "step of sgd");
  const Json &memory = member(record, "memory"), &attribution = member(record, "attribution");
  const auto other = [&](const char* name) {
    return method == name ? Json()
                          : words_of(with_text(rows, "name", std::string("step of ") + name));
  };
  Json data = {{"method", method},
               {"loss", words_of(with_text(rows, "name", "loss"))},
               {"hvp", words_of(hvp)},
               {"way", replace_all(text(hvp, "name"), "H v, ", "")},
               {"finite", words_of(with_text(rows, "name", finite_differences))},
               {"step", is_plan(record) ? Json() : words_of(own)},
               {"over_sgd", other("sgd").is_null() ? "" : ratio_of(own, sgd)},
               {"exact", other("exact")},
               {"f_gr", other("f-gr")}};
  if (std::isfinite(number(gradient, "ratio_to_loss"))) data["gradient"] = words_of(gradient);
  if (const double predicted = number(attribution, "predicted_ms"),
      residual = number(attribution, "residual");
      !steps.empty() && !own.is_null() && std::isfinite(predicted))
    data["why"] = {{"predicted", format_number(predicted)},
                   {"residual", percent(std::abs(residual)) + (residual < 0 ? " less" : " more")},
                   {"parts", predicted_parts(steps, 4)},
                   {"programs", member(record, "programs")},
                   {"gflops", format_number(number(own, "gflops"))},
                   {"peak_share", percent(number(own, "peak_share"))}};
  if (!steps.empty())
    data["where"] = {{"phases", shares_in(record, "phases", "phase", "share", 4)},
                     {"ops", shares_in(record, "ops", "name", "self_share", 3)},
                     {"layers", shares_in(record, "layers", "layer", "share", 3)}};
  if (const double arena = number(memory, "arena_bytes"); arena > 0) {
    data["memory"] = texts_of(memory);
    data["memory"]["ratio"] = fmt::format("{:.2f}", number(memory, "without_reuse_bytes") / arena);
  }
  std::vector<std::string> lines = words("findings", data);
  // A nonbreaking space keeps a number and its unit on one line.
  for (std::string& line : lines)
    for (const char* unit : {"%", "ms", "MiB", "GF/s"})
      line = replace_all(line, std::string(" ") + unit, std::string("\u00A0") + unit);
  return lines;
}

/// The layers that take the most time, in the model's order.
std::string layers_figure(const Json& record) {
  constexpr std::size_t most = 16;
  const std::vector<Json> layers = objects(record, "layers");
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
  for (const Json& phase : objects(record, "phases"))
    plot.bars.push_back({text(phase, "phase"),
                         ms_text(phase) + ", " + format_percent(number(phase, "share")),
                         {number(phase, "ms")},
                         {phase_ink(text(phase, "phase"))}});
  return figure("Time by phase", bar_plot(plot));
}

/// States the sum of the medians and the median of the sum, which differ if times jump.
std::string sum_note(const Json& record) {
  const Json& attribution = member(record, "attribution");
  const double sum = number(attribution, "sum_of_medians_ms"),
               whole = number(attribution, "timed_step_ms");
  if (!std::isfinite(sum / whole)) return "";
  return paragraph(
      fmt::format("Times are the median of each part over {} runs; they sum to {} ms. "
                  "The median of the whole is {} ms.",
                  text(attribution, "timed_runs"), format_number(sum), format_number(whole)),
      "note");
}

/// States for how many steps one part of the prediction is longer than the measured time.
std::string prediction_note(const Json& record) {
  const Json& attribution = member(record, "attribution");
  const double wrong = number(attribution, "predicted_too_long");
  if (!(wrong > 0)) return "";
  return paragraph(fmt::format("For {} of {} steps, one part of the prediction alone exceeds 110 % "
                               "of the measured time. Either the machine became faster after the "
                               "kernels were timed, or the model does not fit these steps.",
                               wrong, objects(record, "steps").size()),
                   "note");
}

std::string list_table(const Json& record, const std::string& list, const char* columns = nullptr) {
  return rows_table(table_rows(record, list), columns_of(columns ? columns : list));
}

std::string time_section(const Json& record) {
  const std::size_t steps = objects(record, "steps").size();
  if (steps == 0) return "";
  return section(
      "Where the time goes",
      paragraph(fmt::format("One {}{}.", profiled(record),
                            is_plan(record) ? "" : ": " + text(record, "equation"))) +
          sum_note(record) + legend(phase_legend(record), false) +
          figures(phases_figure(record) + layers_figure(record)) + prediction_note(record) +
          section(
              "By op",
              paragraph(
                  "The columns have the names of PyTorch's profiler. Self CPU is the time of the "
                  "op itself. CPU total includes the ops that its differentiation recorded.",
                  "note") +
                  list_table(record, "ops"),
              3) +
          section("By phase", list_table(record, "phases"), 3) +
          section("By layer", list_table(record, "layers"), 3) +
          details("By forward op: each with its backward, double backward and update",
                  list_table(record, "origins", "layers")) +
          section("Step by step",
                  flame_figure(record) +
                      details(fmt::format("All {} steps of the program, the longest first", steps),
                              list_table(record, "steps")),
                  3, "steps"),
      2, "time");
}

/// Live bytes of the arena over the time of one step.
std::string live_figure(const Json& record) {
  const Json& memory = member(record, "memory");
  const std::vector<Json> steps = objects(record, "steps");
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
  return section(
      "Memory",
      tiles(terms("memory_tiles", texts_of(memory))) + legend(phase_legend(record)) +
          figures(
              live_figure(record) +
              figure("The arena: the place and lifetime of each value (framed: alive at the peak)",
                     arena_plot(record))) +
          section("Alive at the peak", list_table(record, "at_peak"), 3),
      2, "memory");
}

std::string roofline_section(const Json& record) {
  const std::string plot = roofline_plot(record);
  if (plot.empty()) return "";
  double without = 0;
  for (const Json& step : objects(record, "steps"))
    if (!(number(step, "flop") > 0)) without += number(step, "share");
  return section(
      "Roofline",
      paragraph(fmt::format(
          "The lines are the rates of this machine, for a large matrix product and for data "
          "streamed from each cache and from memory. Each disc is a step of the program, and its "
          "area is the step's share of the time. The table of steps shows the cache from which a "
          "step reads its data. Steps without FLOPs ({} of the time) are not shown.",
          format_percent(without))) +
          legend(phase_legend(record)) + figures(figure("GF/s against FLOP per byte", plot)),
      2, "roofline");
}

std::string measurement_section(const Json& record) {
  const Json& attribution = member(record, "attribution");
  std::vector<TextPair> costs, how;
  if (attribution.is_object()) {
    Json data = texts_of(attribution);
    if (const Json& counts = member(attribution, "counts"); counts.is_object()) {
      data["counts"] = texts_of(counts);
      data["counts"]["per_cycle"] =
          format_number(number(counts, "instructions") / number(counts, "cycles"));
    }
    costs = terms("measurement", data);
  }
  if (const Json& object = member(record, "how"); object.is_object())
    for (const auto& [key, value] : object.members())
      how.emplace_back(replace_all(key, "_", " "), show(value));
  Json shown = record;
  if (const std::string caches = text(member(record, "how"), "caches"); caches != "-")
    shown["machine"]["caches"] = caches;
  return section("The measurement",
                 definitions(costs, "meanings") + list_table(record, "peaks") +
                     details("The rules in detail", definitions(how, "meanings")) +
                     setup_section(shown),
                 2, "measurement");
}

std::string glossary(const Json& record) {
  std::vector<TextPair> pairs;
  std::set<std::string> seen;
  for (const char* list : {"rows", "ops", "phases", "layers", "steps", "at_peak"})
    for (const Column& column : columns_of(list))
      if (is_used(column, table_rows(record, list)) && seen.insert(column.heading).second)
        pairs.emplace_back(column.heading, column.meaning);
  return section("What each column means", definitions(pairs, "meanings"), 2, "columns");
}

}  // namespace

std::string profile_html(const Json& record) {
  const bool plan = is_plan(record);
  std::vector<std::string> settings,
      facts = {plan ? text(record, "model")
                    : text(record, "method") + " on " + text(record, "model")};
  for (const std::string key : {"batch", "data", "gamma", "epsilon", "threads"})
    if (const std::string value =
            key == "data" ? data_name(record) : text(member(record, "config"), key);
        !value.empty() && value != "-")
      settings.push_back(key + " " + value);
  if (!settings.empty()) facts.push_back(fmt::format("{}", fmt::join(settings, ", ")));
  facts.push_back(text(member(record, "machine"), "cpu"));
  facts.push_back("twice " + text(record, "version"));
  return page(record_title(record, facts.front()),
              fmt::format("<header>\n<h1>What {} costs, and why</h1>\n{}</header>\n",
                          plan ? "this program" : "a derivative",
                          paragraph(fmt::format("{}", fmt::join(facts, " · ")), "subtitle")) +
                  record_head(record) + tiles(profile_tiles(record)) +
                  bullets(profile_findings(record)) +
                  section(plan ? "The program" : "Every derivative", list_table(record, "rows"), 2,
                          "headline") +
                  time_section(record) + memory_section(record) + roofline_section(record) +
                  scaling_section(record) + measurement_section(record) + glossary(record));
}

}  // namespace twice::experiments
