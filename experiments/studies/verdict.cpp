// Claims and what follows from them.
#include "experiments/studies/verdict.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "autodiff/array/error.h"
#include "experiments/files/json.h"

namespace twice::experiments {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace

Range at_most(double high) { return {-infinity, high}; }
Range at_least(double low) { return {low, infinity}; }

bool Claim::holds() const {
  // Written so that a NaN fails.
  return interval.low <= value && value <= interval.high && interval.low >= expected.low &&
         interval.high <= expected.high;
}

Claim on_mean(std::string claim, const std::vector<double>& values, Range expected, Weight weight,
              int comparisons) {
  std::string uncertainty = fmt::format("95 % for the mean of {} seeds", values.size());
  if (comparisons > 1) uncertainty += fmt::format(", {} such together", comparisons);
  return {std::move(claim),       mean(values), mean_interval(values, comparisons),
          std::move(uncertainty), expected,     weight};
}

Claim on_all(std::string claim, const std::vector<double>& values, Range expected, Weight weight) {
  Interval range{infinity, -infinity};
  for (const double value : values) {
    // A NaN must not be lost in a comparison.
    if (std::isnan(value)) range = {value, value};
    range.low = std::isnan(range.low) ? range.low : std::min(range.low, value);
    range.high = std::isnan(range.high) ? range.high : std::max(range.high, value);
  }
  return {std::move(claim),
          median(values),
          range,
          fmt::format("smallest and largest of {}", values.size()),
          expected,
          weight};
}

std::string verdict(const std::vector<Claim>& claims) {
  bool any = false, core = true, limits = true;
  for (const Claim& claim : claims) {
    bool& all = claim.weight == Weight::core ? core : limits;
    all = all && claim.holds();
    any = any || claim.weight == Weight::core;
  }
  if (!any || !core) return "not reproduced";
  return limits ? "reproduced" : "reproduced within limits";
}

Json to_json(const Claim& c) {
  const auto end = [](double value) { return std::isfinite(value) ? Json(value) : Json(); };
  return {{"claim", c.claim},
          {"value", end(c.value)},
          {"interval", {end(c.interval.low), end(c.interval.high)}},
          {"uncertainty", c.uncertainty},
          {"expected", {end(c.expected.low), end(c.expected.high)}},
          {"weight", c.weight == Weight::core ? "core" : "limit"},
          {"holds", c.holds()}};
}

}  // namespace twice::experiments
