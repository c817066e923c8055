// Means, intervals, slopes.
#include "experiments/measure/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "autodiff/array/error.h"

namespace twice::experiments {

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

}  // namespace

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? none : sum / static_cast<double>(values.size());
}

double median(std::vector<double> values) {
  if (values.empty()) return none;
  std::ranges::sort(values);
  const std::size_t n = values.size();
  return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

double standard_deviation(const std::vector<double>& values) {
  if (values.size() < 2) return none;
  const double center = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - center) * (value - center);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

double t_quantile(double probability, double degrees) {
  // With t = sqrt(degrees) tan(a) the density is proportional to cos(a)^(degrees - 1), which is
  // smooth on a finite interval: Simpson's rule, then bisection for a.
  const auto mass = [&](double angle) {
    constexpr int pieces = 400;
    const double h = angle / pieces;
    double sum = 0;
    for (int i = 0; i <= pieces; ++i)
      sum += (i == 0 || i == pieces ? 1
              : i % 2 == 1          ? 4
                                    : 2) *
             std::pow(std::max(std::cos(i * h), 0.0), degrees - 1);
    return sum * h / 3;
  };
  double low = 0, high = std::numbers::pi / 2;
  const double wanted = (2 * probability - 1) * mass(high);
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (mass(middle) < wanted ? low : high) = middle;
  }
  return std::sqrt(degrees) * std::tan(low);
}

Interval mean_interval(const std::vector<double>& values, int comparisons) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (values.size() < 2) return {-infinity, infinity};
  const double n = static_cast<double>(values.size()), center = mean(values),
               half = t_quantile(1 - 0.025 / comparisons, n - 1) * standard_deviation(values) /
                      std::sqrt(n);
  return {center - half, center + half};
}

double log_slope(const std::vector<double>& x, const std::vector<double>& y) {
  if (x.size() != y.size() || x.size() < 2) return none;
  std::vector<double> u, v;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!(x[i] > 0 && y[i] > 0)) return none;
    u.push_back(std::log(x[i]));
    v.push_back(std::log(y[i]));
  }
  const double um = mean(u), vm = mean(v);
  double uv = 0, uu = 0;
  for (std::size_t i = 0; i < u.size(); ++i) {
    uv += (u[i] - um) * (v[i] - vm);
    uu += (u[i] - um) * (u[i] - um);
  }
  return uu > 0 ? uv / uu : none;
}

std::vector<double> differences(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() != b.size())
    fail("differences", "{} values against {}; expected pairs", a.size(), b.size());
  std::vector<double> result;
  for (std::size_t i = 0; i < a.size(); ++i) result.push_back(a[i] - b[i]);
  return result;
}

}  // namespace twice::experiments
