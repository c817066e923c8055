// The sentences and large numbers of the report. Each is omitted if the record lacks its numbers.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "experiments/commands/profile/page.h"
#include "experiments/measure/noise.h"

namespace twice::experiments {

namespace {

const std::string finite_differences = "H v, finite differences";

std::string percent(double share) {
  return std::isfinite(share) ? fmt::format("{:.0f} %", 100 * share) : "-";
}

/// For two rows that were timed in turn: the time of `a` divided by the time of `b`, with its
/// interval.
std::string ratio_of(const Json& a, const Json& b) {
  const std::vector<double> of_a = numbers(member(a, "samples_ms")),
                            of_b = numbers(member(b, "samples_ms"));
  if (of_a.empty() || of_a.size() != of_b.size())
    return format_ratio(number(a, "ms") / number(b, "ms"));
  Json row = Json::object();
  add_ratio(row, "ratio", ratio_in_rounds(of_a, of_b));
  return ratio_sentence(row, "ratio");
}

/// The row of this name. Null if the record does not have it.
Json named(const std::vector<Json>& rows, const std::string& name) {
  const auto found =
      std::ranges::find(rows, name, [](const Json& row) { return text(row, "name"); });
  return found == rows.end() ? Json() : *found;
}

/// The row of the profiled plan or method.
Json own_row(const std::vector<Json>& rows, const Json& record) {
  return named(rows, is_plan(record) ? text(record, "model") : "step of " + text(record, "method"));
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
  for (const Json& row : objects(member(record, table)))
    shares.emplace_back(text(row, name), number(row, share));
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

}  // namespace

std::vector<TextPair> profile_tiles(const Json& record) {
  const std::vector<Json> rows = table_rows(record, "rows");
  const std::string method = text(record, "method");
  const Json loss = named(rows, "loss"), gradient = named(rows, "gradient"),
             own = own_row(rows, record), sgd = named(rows, "step of sgd");
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
    add_ratio_tile(ratio_of(own, named(rows, "step of f-gr")),
                   fmt::format("a step of {} over one of f-gr", method));
  if (const double share = number(own, "peak_share"); std::isfinite(share))
    pairs.emplace_back(percent(share),
                       "of the machine's measured product peak, in a " +
                           (is_plan(record) ? profiled(record) : "step of " + method));
  return pairs;
}

std::vector<std::string> profile_findings(const Json& record) {
  const std::vector<Json> rows = table_rows(record, "rows"),
                          steps = objects(member(record, "steps"));
  const std::string method = text(record, "method");
  const Json own = own_row(rows, record), gradient = named(rows, "gradient"),
             hvp = fastest_hvp(rows), sgd = named(rows, "step of sgd");
  const Json &memory = member(record, "memory"), &attribution = member(record, "attribution");
  const auto other = [&](const char* name) {
    return method == name ? Json() : words_of(named(rows, std::string("step of ") + name));
  };
  Json data = {{"method", method},
               {"loss", words_of(named(rows, "loss"))},
               {"hvp", words_of(hvp)},
               {"way", replace_all(text(hvp, "name"), "H v, ", "")},
               {"finite", words_of(named(rows, finite_differences))},
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

}  // namespace twice::experiments
