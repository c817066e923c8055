// Sentences from numbers.
#include "experiments/report/findings.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "experiments/measure/statistics.h"
#include "experiments/report/table.h"

namespace twice::experiments {
namespace {

const Json& row_of(const std::vector<Json>& rows, const std::string& method) {
  static const Json none;
  const auto found =
      std::ranges::find_if(rows, [&](const Json& row) { return text(row, "method") == method; });
  return found == rows.end() ? none : *found;
}

/// Errors that people discuss in percent are written so, rounding errors as powers of ten.
std::string error_text(double error) {
  return error >= 1e-4 ? format_percent(error) : format_error(error);
}

std::string cost_finding(const std::vector<Json>& rows) {
  const Json &exact = row_of(rows, "exact"), &finite = row_of(rows, "f-gr");
  const double ms = number(exact, "ms"), ratio = ms / number(finite, "ms");
  if (!std::isfinite(ratio)) return "";
  std::string line =
      fmt::format("A step of exact takes {} ms, {} the time of f-gr ({} ms)", format_number(ms),
                  format_ratio(ratio), format_number(number(finite, "ms")));
  const double gradient = number(exact, "ratio_to_gradient");
  if (std::isfinite(gradient)) line += fmt::format(" and {} that of sgd", format_ratio(gradient));
  return line + ".";
}

std::string plan_finding(const std::vector<Json>& rows) {
  const Json &exact = row_of(rows, "exact"), &naive = row_of(rows, "exact-naive");
  const double share = number(exact, "ms") / number(naive, "ms");
  if (!std::isfinite(share)) return "";
  std::string line = fmt::format(
      "Planning changes the time of the exact method from {} ms "
      "(exact-naive) to {} ms, {}",
      format_number(number(naive, "ms")), format_number(number(exact, "ms")), format_ratio(share));
  const double before = number(naive, "products"), after = number(exact, "products");
  if (std::isfinite(before) && std::isfinite(after))
    line += fmt::format(", and its products from {} to {}", before, after);
  return line + ".";
}

std::string accuracy_finding(const std::vector<Json>& rows) {
  const double exact = number(row_of(rows, "exact"), "gradient_error_start");
  if (!std::isfinite(exact)) return "";
  std::string others;
  for (const char* method : {"f-gr", "b-gr", "c-gr"}) {
    const double error = number(row_of(rows, method), "gradient_error_start");
    if (std::isfinite(error))
      others +=
          fmt::format("{}{}'s by {}", others.empty() ? "; " : ", ", method, error_text(error));
  }
  return fmt::format(
      "At the start of training the gradient of exact is off by {}{} (relative error "
      "against exact in float64).",
      error_text(exact), others);
}

std::string slope_finding(const Json& record) {
  std::string list;
  for (const EpsilonCurve& curve : epsilon_curves(record)) {
    const double slope = error_slope(curve.epsilons, curve.errors);
    if (curve.dtype == "f64" && std::isfinite(slope))
      list += fmt::format("{}{} at slope {:.2f}", list.empty() ? "" : ", ", curve.method, slope);
  }
  return list.empty() ? ""
                      : "In float64 the error falls with eps, until rounding takes over: " + list +
                            " (theory, for smooth activations: 1 one-sided, 2 central).";
}

std::string training_finding(const std::vector<Json>& rows) {
  std::vector<std::pair<double, std::string>> results;
  for (const Json& row : rows)
    if (std::isfinite(number(row, "test_accuracy")))
      results.emplace_back(number(row, "test_accuracy"), text(row, "method"));
  if (results.size() < 2) return "";
  std::ranges::stable_sort(results, std::greater(), &std::pair<double, std::string>::first);
  std::string best;
  for (const auto& [accuracy, method] : results)
    if (accuracy == results.front().first) best += (best.empty() ? "" : ", ") + method;
  std::string line = fmt::format("Test accuracy ends between {} ({}) and {} ({}).",
                                 format_percent(results.back().first), results.back().second,
                                 format_percent(results.front().first), best);
  if (results.front().first == results.back().first)
    line = fmt::format("Every method ends at a test accuracy of {}.",
                       format_percent(results.front().first));
  return line + " These are single runs: small differences may be chance.";
}

std::string norm_finding(const std::vector<Json>& rows) {
  const double plain = number(row_of(rows, "sgd"), "gradient_norm");
  const double exact = number(row_of(rows, "exact"), "gradient_norm");
  if (!std::isfinite(plain) || !std::isfinite(exact)) return "";
  return fmt::format("The gradient norm ends at {} with exact and at {} with sgd.",
                     format_number(exact), format_number(plain));
}

std::string law_finding(const std::vector<Json>& rows) {
  std::string differing;
  int compared = 0;
  for (const Json& row : rows) {
    const double products = number(row, "products"), law = number(row, "products_law");
    if (!std::isfinite(products) || !std::isfinite(law)) continue;
    ++compared;
    if (products != law)
      differing +=
          fmt::format("{}{} has {} products, the law {} says {}", differing.empty() ? "" : "; ",
                      text(row, "method"), products, text(row, "products_law_text"), law);
  }
  if (compared == 0) return "";
  return differing.empty() ? "Every method's count of products is the one its law predicts."
                           : "Counted products differ from the law: " + differing + ".";
}

}  // namespace

double error_slope(const std::vector<double>& epsilons, const std::vector<double>& errors) {
  double smallest = std::numeric_limits<double>::infinity(), turn = 0;
  const std::size_t count = std::min(epsilons.size(), errors.size());
  for (std::size_t i = 0; i < count; ++i)
    if (errors[i] > 0 && errors[i] < smallest) smallest = errors[i], turn = epsilons[i];
  std::vector<double> slopes;
  const auto due_to_step = [&](std::size_t i) {
    return epsilons[i] > turn && errors[i] > 10 * smallest && errors[i] < 0.3;
  };
  for (std::size_t i = 1; i < count; ++i)
    if (due_to_step(i - 1) && due_to_step(i) && epsilons[i] != epsilons[i - 1])
      slopes.push_back(std::log(errors[i] / errors[i - 1]) /
                       std::log(epsilons[i] / epsilons[i - 1]));
  return median(slopes);
}

std::vector<EpsilonCurve> epsilon_curves(const Json& record) {
  std::vector<EpsilonCurve> curves;
  std::map<std::pair<std::string, std::string>, std::size_t> index;
  std::vector<Json> points = objects(member(record, "epsilon_sweep"));
  std::ranges::stable_sort(points, [](const Json& a, const Json& b) {
    const double x = number(a, "epsilon"), y = number(b, "epsilon");
    return std::isnan(x) ? false : std::isnan(y) ? true : x < y;
  });
  for (const Json& point : objects(member(record, "epsilon_sweep"))) {
    // Curves in the order of the record, so that it decides what lies on top.
    const std::pair key{text(point, "method"), text(point, "dtype")};
    if (index.emplace(key, curves.size()).second)
      curves.push_back({.method = key.first, .dtype = key.second});
  }
  for (const Json& point : points) {
    const double epsilon = number(point, "epsilon"), error = number(point, "error");
    if (!std::isfinite(epsilon) || !std::isfinite(error)) continue;
    EpsilonCurve& curve = curves[index.at({text(point, "method"), text(point, "dtype")})];
    curve.epsilons.push_back(epsilon);
    curve.errors.push_back(error);
    curve.hvp_errors.push_back(number(point, "hvp_error"));
  }
  return curves;
}

std::vector<std::string> findings(const std::vector<Json>& rows, const Json& record) {
  std::vector<std::string> result;
  for (std::string line :
       {cost_finding(rows), accuracy_finding(rows), plan_finding(rows), training_finding(rows),
        norm_finding(rows), law_finding(rows), slope_finding(record)})
    if (!line.empty()) result.push_back(std::move(line));
  return result;
}

}  // namespace twice::experiments
