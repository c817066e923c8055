// The sentences and large numbers of the report. Each is omitted if the record lacks its numbers.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "experiments/commands/profile/page.h"
#include "experiments/commands/profile/tables.h"
#include "experiments/measure/noise.h"

namespace twice::experiments {

namespace {

const std::string finite_differences = "H v, finite differences";

std::string percent(double share) {
  return std::isfinite(share) ? fmt::format("{:.0f} %", 100 * share) : "-";
}

std::string times(double ratio) {
  return std::isfinite(ratio) ? fmt::format("{:.2f} times", ratio) : "- times";
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

std::string mib_text(double bytes) { return format_number(bytes / mib) + " MiB"; }

/// "8 products (3L - 1)"
std::string products_text(const Json& row) {
  std::string line = text(row, "products") + " products";
  if (text(row, "products_law_text") != "-") line += " (" + text(row, "products_law_text") + ")";
  return line;
}

/// The rows that the sentences describe. A row is null if the record does not have it.
struct Rows {
  explicit Rows(const Json& record) : all(table_rows(record, "rows")) {
    for (const Json& row : all)
      if (text(row, "kind") == "hvp" && text(row, "name") != finite_differences &&
          (fastest_hvp.is_null() || number(row, "ms") < number(fastest_hvp, "ms")))
        fastest_hvp = row;
  }
  Json named(const std::string& name) const {
    const auto found =
        std::ranges::find(all, name, [](const Json& row) { return text(row, "name"); });
    return found == all.end() ? Json() : *found;
  }
  Json step(const std::string& method) const { return named("step of " + method); }
  /// The row of the profiled plan or method.
  Json own(const Json& record) const {
    return is_plan(record) ? named(text(record, "model")) : step(text(record, "method"));
  }

  std::vector<Json> all;
  /// The fastest exact H v.
  Json fastest_hvp;
};

std::string gradient_sentence(const Rows& rows) {
  const Json loss = rows.named("loss"), gradient = rows.named("gradient");
  const double ratio = number(gradient, "ratio_to_loss");
  if (!std::isfinite(ratio)) return "";
  return fmt::format("A gradient takes {}, {} a loss: {} where the loss has {}.", ms_text(gradient),
                     ratio_sentence(gradient, "ratio_to_loss"), products_text(gradient),
                     products_text(loss));
}

std::string hvp_sentence(const Rows& rows) {
  const Json &exact = rows.fastest_hvp, finite = rows.named(finite_differences);
  if (exact.is_null()) return "";
  const std::string way = replace_all(text(exact, "name"), "H v, ", "");
  std::string line = fmt::format("H v takes {} exactly ({}), {} a gradient", ms_text(exact), way,
                                 ratio_sentence(exact, "ratio_to_gradient"));
  if (!finite.is_null())
    line += fmt::format("; by finite differences {}, with an error of {}", ms_text(finite),
                        error_text(number(finite, "error")));
  return line + ".";
}

/// Compares the profiled method with the other methods for the same gradient.
std::string method_sentence(const Rows& rows, const std::string& method) {
  const Json own = rows.step(method), plain = rows.step("sgd");
  if (own.is_null()) return "";
  std::string line = fmt::format("A step of {} takes {}", method, ms_text(own));
  if (!plain.is_null() && method != "sgd")
    line += fmt::format(", {} a step of sgd", ratio_of(own, plain));
  line += ": " + products_text(own);
  for (const char* other : {"exact", "f-gr"})
    if (const Json row = rows.step(other); !row.is_null() && method != other)
      line +=
          fmt::format("; {} takes {} and gives up {}", other, ms_text(row), text(row, "gave_up"));
  return line + ".";
}

using Shares = std::vector<std::pair<std::string, double>>;

void add_share(Shares& shares, const std::string& name, double share) {
  auto found = std::ranges::find(shares, name, &Shares::value_type::first);
  if (found == shares.end()) found = shares.insert(found, {name, 0});
  found->second += share;
}

/// The largest shares first: "70 % compute, 20 % memory".
std::string text_of(Shares shares, std::size_t most) {
  std::ranges::stable_sort(shares, std::greater{}, &std::pair<std::string, double>::second);
  std::string line;
  for (std::size_t i = 0; i < std::min(most, shares.size()); ++i)
    if (i == 0 || shares[i].second >= 0.005)
      line += fmt::format("{}{} {}", i ? ", " : "", percent(shares[i].second), shares[i].first);
  return line;
}

/// The shares of the steps' time, by a field.
std::string shares_by(const std::vector<Json>& steps, const char* field, std::size_t most) {
  Shares shares;
  for (const Json& step : steps) add_share(shares, text(step, field), number(step, "share"));
  return text_of(std::move(shares), most);
}

/// The shares of the predicted time, by cause.
std::string predicted_parts(const std::vector<Json>& steps, std::size_t most) {
  Shares shares;
  double all = 0;
  for (const Json& step : steps)
    if (const Json& parts = member(step, "predicted"); parts.is_object())
      for (const auto& [name, part] : parts.members())
        if (part.is_number())
          add_share(shares, name, part.get<double>()), all += part.get<double>();
  for (auto& [name, share] : shares) share /= all;
  return text_of(std::move(shares), most);
}

}  // namespace

std::vector<TextPair> profile_tiles(const Json& record) {
  const Rows rows(record);
  const std::string method = text(record, "method");
  const Json loss = rows.named("loss"), gradient = rows.named("gradient"), own = rows.own(record),
             sgd = rows.step("sgd"), f_gr = rows.step("f-gr");
  std::vector<TextPair> pairs;
  const auto add = [&](double value, auto format, const std::string& caption) {
    if (std::isfinite(value)) pairs.emplace_back(format(value), caption);
  };
  if (is_plan(record)) pairs.emplace_back(ms_text(own), "a " + profiled(record));
  const auto add_ratio_tile = [&](const std::string& ratio, const std::string& caption) {
    if (ratio != "-") pairs.push_back(ratio_tile(ratio, caption));
  };
  add_ratio_tile(ratio_sentence(gradient, "ratio_to_loss"),
                 fmt::format("a gradient over a loss, of {} over {} products",
                             text(gradient, "products"), text(loss, "products")));
  add_ratio_tile(ratio_sentence(rows.fastest_hvp, "ratio_to_gradient"),
                 "an exact H v over a gradient");
  if (method != "sgd")
    add_ratio_tile(ratio_of(own, sgd),
                   fmt::format("a step of {} over a step of sgd, of {} over {} products", method,
                               text(own, "products"), text(sgd, "products")));
  if (method != "f-gr")
    add_ratio_tile(ratio_of(own, f_gr), fmt::format("a step of {} over one of f-gr", method));
  add(number(own, "peak_share"), percent,
      "of the machine's measured product peak, in a " +
          (is_plan(record) ? profiled(record) : "step of " + method));
  return pairs;
}

std::vector<std::string> profile_findings(const Json& record) {
  const Rows rows(record);
  const std::vector<Json> steps = objects(member(record, "steps"));
  const std::string method = text(record, "method");
  const Json &memory = member(record, "memory"), &attribution = member(record, "attribution");
  std::vector<std::string> lines = {gradient_sentence(rows), hvp_sentence(rows),
                                    method_sentence(rows, method)};
  const double predicted = number(attribution, "predicted_ms"),
               residual = number(attribution, "residual");
  if (const Json own = rows.own(record);
      !steps.empty() && !own.is_null() && std::isfinite(predicted))
    lines.push_back(fmt::format(
        "Why: the prediction from single kernels and the caches that hold their data is {} ms. The "
        "run takes {} {}. The prediction consists of {}. {} {} GF/s, {} of the rate of a large "
        "matrix product on this machine.",
        format_number(predicted), percent(std::abs(residual)), residual < 0 ? "less" : "more",
        predicted_parts(steps, 4),
        record.contains("programs") ? "The mean over all programs is" : "The whole program runs at",
        format_number(number(own, "gflops")), percent(number(own, "peak_share"))));
  if (!steps.empty())
    lines.push_back(fmt::format("Where: by phase {}; by op {}; by layer {}.",
                                shares_by(steps, "phase", 4), shares_by(steps, "op", 3),
                                shares_by(steps, "layer", 3)));
  if (const double arena = number(memory, "arena_bytes"),
      apart = number(memory, "without_reuse_bytes");
      arena > 0)
    lines.push_back(
        fmt::format("The values take {} in one arena. With separate memory for each value they "
                    "would take {}, {} as much.",
                    mib_text(arena), mib_text(apart), times(apart / arena)));
  std::erase(lines, "");
  // A nonbreaking space keeps a number and its unit on one line.
  for (std::string& line : lines)
    for (const char* unit : {"%", "ms", "MiB", "GF/s"})
      line = replace_all(line, std::string(" ") + unit, std::string("\u00A0") + unit);
  return lines;
}

}  // namespace twice::experiments
