// Least squares, and roots between points.
#include "experiments/measure/fit.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "autodiff/array/error.h"
#include "experiments/measure/statistics.h"

namespace twice::experiments {

namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

void check_pairs(const char* who, const std::vector<double>& x, const std::vector<double>& y) {
  if (x.size() != y.size()) fail(who, "{} values against {}; expected pairs", x.size(), y.size());
}

}  // namespace

Line fit_line(const std::vector<double>& x, const std::vector<double>& y) {
  check_pairs("fit_line", x, y);
  double sum = 0, sum_x = 0, sum_y = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double weight = 1 / (y[i] * y[i]);
    sum += weight;
    sum_x += weight * x[i];
    sum_y += weight * y[i];
  }
  const double mean_x = sum_x / sum, mean_y = sum_y / sum;
  double xx = 0, xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double weight = 1 / (y[i] * y[i]);
    xx += weight * (x[i] - mean_x) * (x[i] - mean_x);
    xy += weight * (x[i] - mean_x) * (y[i] - mean_y);
  }
  if (!(xx > 0)) return {none, none, none, none};
  Line line{xy / xx, mean_y - xy / xx * mean_x, 0, 0};
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double error = (line.slope * x[i] + line.intercept) / y[i] - 1;
    line.residual += error * error / static_cast<double>(x.size());
    line.worst = std::max(line.worst, std::abs(error));
  }
  line.residual = std::sqrt(line.residual);
  return line;
}

Power fit_power(const std::vector<double>& x, const std::vector<double>& y) {
  check_pairs("fit_power", x, y);
  Power power{log_slope(x, y), 0, 0, 0};
  std::vector<double> factors;
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

double first_crossing(const std::vector<double>& x, const std::vector<double>& ratio) {
  check_pairs("first_crossing", x, ratio);
  for (std::size_t i = 0; i + 1 < x.size(); ++i) {
    const double here = std::log(ratio[i]), next = std::log(ratio[i + 1]);
    if (here == 0) return x[i];
    if (here * next < 0) return x[i] * std::pow(x[i + 1] / x[i], here / (here - next));
  }
  return !x.empty() && ratio.back() == 1 ? x.back() : none;
}

}  // namespace twice::experiments
