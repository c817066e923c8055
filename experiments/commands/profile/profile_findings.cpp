// Sentences from a record.
#include "experiments/commands/profile/profile_findings.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "experiments/report/table.h"

namespace twice::experiments {

namespace {

Json row_named(const Json& record, const std::string& name) {
  for (const Json& row : objects(member(record, "rows")))
    if (text(row, "name") == name) return row;
  return {};
}

Json step_of(const Json& record, const std::string& method) {
  return row_named(record, "step of " + method);
}

std::string error_text(double error) {
  return error >= 1e-4 ? format_percent(error) : format_error(error);
}

std::string percent(double share) {
  return std::isfinite(share) ? fmt::format("{:.0f} %", 100 * share) : "-";
}

std::string ms_text(double ms) { return format_number(ms) + " ms"; }

std::string times(double ratio) {
  return std::isfinite(ratio) ? fmt::format("{:.2f} times", ratio) : "- times";
}

/// "8 products (3L - 1)"
std::string products_text(const Json& row) {
  std::string line = text(row, "products") + " products";
  if (text(row, "products_law_text") != "-") line += " (" + text(row, "products_law_text") + ")";
  return line;
}

std::string gradient_sentence(const Json& record) {
  const Json loss = row_named(record, "loss"), gradient = row_named(record, "gradient");
  const double ratio = number(gradient, "ratio_to_loss");
  if (!std::isfinite(ratio)) return "";
  return fmt::format("A gradient takes {}, {} a loss: {} where the loss has {}.",
                     ms_text(number(gradient, "ms")), times(ratio), products_text(gradient),
                     products_text(loss));
}

std::string hvp_sentence(const Json& record) {
  Json exact, finite;
  for (const Json& row : objects(member(record, "rows"))) {
    if (text(row, "kind") != "hvp") continue;
    if (text(row, "name") == "H v, finite differences")
      finite = row;
    else if (exact.is_null() || number(row, "ms") < number(exact, "ms"))
      exact = row;
  }
  if (exact.is_null()) return "";
  const std::string name = text(exact, "name");
  std::string line =
      fmt::format("H v takes {} exactly ({}), {} a gradient", ms_text(number(exact, "ms")),
                  name.substr(std::min(name.size(), std::string("H v, ").size())),
                  times(number(exact, "ratio_to_gradient")));
  if (!finite.is_null())
    line += fmt::format("; by finite differences {}, with an error of {}",
                        ms_text(number(finite, "ms")), error_text(number(finite, "error")));
  return line + ".";
}

/// The profiled method beside those that aim at the same gradient.
std::string method_sentence(const Json& record) {
  const std::string method = text(record, "method");
  const Json own = step_of(record, method), plain = step_of(record, "sgd");
  if (own.is_null()) return "";
  std::string line = fmt::format("A step of {} takes {}", method, ms_text(number(own, "ms")));
  if (!plain.is_null() && method != "sgd")
    line += fmt::format(", {} a step of sgd", times(number(own, "ms") / number(plain, "ms")));
  line += ": " + products_text(own);
  const bool wide = text(member(record, "config"), "dtype") == "f64";
  for (const char* other : {"exact", "f-gr"})
    if (const Json row = step_of(record, other); !row.is_null() && method != other)
      line += fmt::format("; {} takes {} and gives up {}", other, ms_text(number(row, "ms")),
                          gave_up(row, wide));
  return line + ".";
}

/// Shares of the steps' time under a field's values, largest first: "70 % compute, 20 % memory".
std::string shares_by(const Json& record, const char* field, std::size_t most) {
  std::vector<std::pair<std::string, double>> shares;
  for (const Json& step : objects(member(record, "steps"))) {
    const std::string name = text(step, field);
    auto found = std::ranges::find(shares, name, &std::pair<std::string, double>::first);
    if (found == shares.end()) found = shares.insert(found, {name, 0});
    found->second += number(step, "share");
  }
  std::ranges::stable_sort(shares, std::greater{}, &std::pair<std::string, double>::second);
  std::string line;
  for (std::size_t i = 0; i < std::min(most, shares.size()); ++i)
    if (i == 0 || shares[i].second >= 0.005)
      line += fmt::format("{}{} {}", i ? ", " : "", percent(shares[i].second), shares[i].first);
  return line;
}

std::string bound_sentence(const Json& record) {
  const Json own = step_of(record, text(record, "method"));
  if (objects(member(record, "steps")).empty() || own.is_null()) return "";
  return fmt::format(
      "Why: by what limits it, its time is {}. As a whole it runs at {} GF/s, {} of what a large "
      "matrix product reaches here.",
      shares_by(record, "bound", 3), format_number(number(own, "gflops")),
      percent(number(own, "peak_share")));
}

std::string time_sentence(const Json& record) {
  if (objects(member(record, "steps")).empty()) return "";
  return fmt::format("Where: {}; of the ops {}; of the layers {}.", shares_by(record, "phase", 4),
                     shares_by(record, "op", 3), shares_by(record, "layer", 3));
}

std::string memory_sentence(const Json& record) {
  const Json& memory = member(record, "memory");
  const double arena = number(memory, "arena_bytes"), all = number(memory, "without_reuse_bytes");
  if (!(arena > 0)) return "";
  return fmt::format(
      "Its values take {} MiB in one arena; with a place of its own for each they would take {} "
      "MiB, {} as much.",
      format_number(arena / (1 << 20)), format_number(all / (1 << 20)), times(all / arena));
}

}  // namespace

std::string gave_up(const Json& row, bool double_precision) {
  const double error = number(row, "error"), hvp_error = number(row, "hvp_error");
  if (text(row, "objective") == "another") return "follows another objective";
  if (!std::isfinite(error)) return "-";
  if (error < (double_precision ? 1e-11 : 1e-4))
    return fmt::format("nothing but rounding ({})", format_error(error));
  if (text(row, "method") == "sgd") return "the penalty: " + error_text(error) + " of G";
  if (!std::isfinite(hvp_error)) return error_text(error) + " error";
  return fmt::format("{} error in G, {} in H g", error_text(error), error_text(hvp_error));
}

std::vector<TextPair> profile_tiles(const Json& record) {
  std::vector<TextPair> pairs;
  const auto add = [&](double value, auto format, const std::string& caption) {
    if (std::isfinite(value)) pairs.emplace_back(format(value), caption);
  };
  const std::string method = text(record, "method");
  const Json loss = row_named(record, "loss"), gradient = row_named(record, "gradient"),
             own = step_of(record, method), sgd = step_of(record, "sgd"),
             f_gr = step_of(record, "f-gr");
  add(number(gradient, "ratio_to_loss"), format_ratio,
      fmt::format("a gradient over a loss; {} over {} products", text(gradient, "products"),
                  text(loss, "products")));
  double hvp = std::nan("");
  for (const Json& row : objects(member(record, "rows")))
    if (text(row, "kind") == "hvp" && text(row, "name") != "H v, finite differences")
      hvp = std::fmin(hvp, number(row, "ratio_to_gradient"));
  add(hvp, format_ratio, "an exact H v over a gradient");
  if (method != "sgd")
    add(number(own, "ms") / number(sgd, "ms"), format_ratio,
        fmt::format("a step of {} over a step of sgd; {} over {} products", method,
                    text(own, "products"), text(sgd, "products")));
  if (method != "f-gr")
    add(number(own, "ms") / number(f_gr, "ms"), format_ratio,
        fmt::format("a step of {} over one of f-gr", method));
  add(number(own, "peak_share"), percent,
      fmt::format("of the machine's measured product peak, in a step of {}", method));
  return pairs;
}

std::vector<std::string> profile_findings(const Json& record) {
  std::vector<std::string> lines = {gradient_sentence(record), hvp_sentence(record),
                                    method_sentence(record),   bound_sentence(record),
                                    time_sentence(record),     memory_sentence(record)};
  std::erase(lines, "");
  // A line does not break between a number and its unit.
  for (std::string& line : lines)
    for (const char* unit : {"%", "ms", "MiB", "GF/s"})
      line = replace_all(line, std::string(" ") + unit, std::string("\u00A0") + unit);
  return lines;
}

}  // namespace twice::experiments
