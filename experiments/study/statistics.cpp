// Means, intervals, slopes.
#include "experiments/study/statistics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "autodiff/array/error.h"

namespace twice {

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

/// The 97.5 % quantile of Student's t.
double t_quantile(std::size_t degrees) {
  static constexpr std::array table = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306,
                                       2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
                                       2.110,  2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064,
                                       2.060,  2.056, 2.052, 2.048, 2.045, 2.042};
  // Beyond the table the next smaller entry errs on the wide side.
  return table[std::min(degrees, table.size()) - 1];
}

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

Interval mean_interval(const std::vector<double>& values) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  if (values.size() < 2) return {-infinity, infinity};
  const double n = static_cast<double>(values.size()), center = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - center) * (value - center);
  const double half = t_quantile(values.size() - 1) * std::sqrt(squares / (n - 1) / n);
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

}  // namespace twice
