// Computes means, quantiles, intervals and least-squares fits. Student's distribution is Boost's.
// Boost's headers take seconds to compile, so only this file includes them.
#include "experiments/measure/statistics.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>

#include "autodiff/array/error.h"

namespace twice::experiments {

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

using Values = std::vector<double>;

void check_pairs(const char* who, const Values& x, const Values& y) {
  if (x.size() != y.size()) fail(who, "{} values against {}; expected pairs", x.size(), y.size());
}

/// sum w (x - mean x)(y - mean y) over sum w (x - mean x)^2, with means weighted by w too.
struct WeightedSlope {
  double slope, mean_x, mean_y;
};
WeightedSlope weighted_slope(const Values& x, const Values& y, const Values& weights) {
  double sum = 0, sum_x = 0, sum_y = 0, xx = 0, xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum += weights[i];
    sum_x += weights[i] * x[i];
    sum_y += weights[i] * y[i];
  }
  const double mean_x = sum_x / sum, mean_y = sum_y / sum;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += weights[i] * (x[i] - mean_x) * (x[i] - mean_x);
    xy += weights[i] * (x[i] - mean_x) * (y[i] - mean_y);
  }
  return {xx > 0 ? xy / xx : none, mean_x, mean_y};
}

}  // namespace

double mean(const Values& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? none : sum / static_cast<double>(values.size());
}

double median(Values values) {
  if (values.empty()) return none;
  std::ranges::sort(values);
  const std::size_t n = values.size();
  return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

double quantile(Values values, double q) {
  if (values.empty()) return none;
  std::ranges::sort(values);
  const double at = q * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const std::size_t high = std::min(low + 1, values.size() - 1);
  return values[low] + (at - static_cast<double>(low)) * (values[high] - values[low]);
}

double standard_deviation(const Values& values) {
  if (values.size() < 2) return none;
  // The distances from the first value. They are exactly 0 if all values are equal.
  Values distances;
  for (const double value : values) distances.push_back(value - values[0]);
  const double center = mean(distances);
  double squares = 0;
  for (const double d : distances) squares += (d - center) * (d - center);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

double t_quantile(double probability, double degrees) {
  return boost::math::quantile(boost::math::students_t(degrees), probability);
}

Interval mean_interval(const Values& values, int comparisons) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (values.size() < 2) return {-infinity, infinity};
  const double n = static_cast<double>(values.size()), center = mean(values),
               half = t_quantile(1 - 0.025 / comparisons, n - 1) * standard_deviation(values) /
                      std::sqrt(n);
  return {center - half, center + half};
}

Interval median_interval(Values values) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const std::size_t n = values.size();
  if (n < 2) return {-infinity, infinity};
  std::ranges::sort(values);
  const boost::math::binomial heads(static_cast<double>(n), 0.5);
  std::size_t k = 1;
  while (cdf(heads, static_cast<double>(k)) <= 0.025) ++k;
  return {values[k - 1], values[n - k]};
}

Values differences(const Values& a, const Values& b) {
  check_pairs("differences", a, b);
  Values result(a.size());
  std::ranges::transform(a, b, result.begin(), std::minus());
  return result;
}

double log_slope(const Values& x, const Values& y) {
  if (x.size() != y.size() || x.size() < 2) return none;
  Values u, v;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!(x[i] > 0 && y[i] > 0)) return none;
    u.push_back(std::log(x[i]));
    v.push_back(std::log(y[i]));
  }
  return weighted_slope(u, v, Values(u.size(), 1)).slope;
}

Line fit_line(const Values& x, const Values& y) {
  check_pairs("fit_line", x, y);
  Values weights;
  for (const double value : y) weights.push_back(1 / (value * value));
  const auto [slope, mean_x, mean_y] = weighted_slope(x, y, weights);
  if (std::isnan(slope)) return {none, none, none, none};
  Line line{slope, mean_y - slope * mean_x, 0, 0};
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double error = (line.slope * x[i] + line.intercept) / y[i] - 1;
    line.residual += error * error / static_cast<double>(x.size());
    line.worst = std::max(line.worst, std::abs(error));
  }
  line.residual = std::sqrt(line.residual);
  return line;
}

Power fit_power(const Values& x, const Values& y) {
  check_pairs("fit_power", x, y);
  Power power{log_slope(x, y), 0, 0, 0};
  Values factors;
  for (std::size_t i = 0; i < x.size(); ++i)
    factors.push_back(std::log(y[i]) - power.exponent * std::log(x[i]));
  power.factor = std::exp(mean(factors));
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double error = power.factor * std::pow(x[i], power.exponent) / y[i] - 1;
    power.residual += error * error / static_cast<double>(x.size());
    power.worst = std::fmax(power.worst, std::abs(error));
  }
  power.residual = std::sqrt(power.residual);
  return power;
}

double first_crossing(const Values& x, const Values& ratio) {
  check_pairs("first_crossing", x, ratio);
  for (std::size_t i = 0; i + 1 < x.size(); ++i) {
    const double here = std::log(ratio[i]), next = std::log(ratio[i + 1]);
    if (here == 0) return x[i];
    if (here * next < 0) return x[i] * std::pow(x[i + 1] / x[i], here / (here - next));
  }
  return !x.empty() && ratio.back() == 1 ? x.back() : none;
}

double crossing(const Values& x, const Values& ratio) {
  if (ratio.front() >= 1) return x.front();
  const double found = first_crossing(x, ratio);
  return std::isnan(found) ? x.back() : found;
}

}  // namespace twice::experiments
