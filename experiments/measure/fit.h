// Laws through measured points: straight lines that treat small and large times alike, and where
// two costs are equal.
#pragma once

#include <vector>

namespace twice::experiments {

/// y = slope x + intercept. `residual` is the root of the mean of ((slope x + intercept) / y -
/// 1)^2, `worst` the largest of |(slope x + intercept) / y - 1|.
struct Line {
  double slope, intercept, residual, worst;
};

/// The line with the least `residual`: least squares weighted by 1 / y^2, since the error of a time
/// is a share of it. Numbers must be finite and y positive; NaN for fewer than two different x.
Line fit_line(const std::vector<double>& x, const std::vector<double>& y);

/// y = factor x^exponent, and the same errors.
struct Power {
  double exponent, factor, residual, worst;
};

/// The straight line through the logarithms, by least squares (`log_slope`); NaN for fewer than two
/// different x and for numbers that are not positive.
Power fit_power(const std::vector<double>& x, const std::vector<double>& y);

/// The first x at which `ratio` goes through 1, by straight lines between neighbours in logarithms
/// of both; NaN when it stays on one side. x is positive and ascending.
double first_crossing(const std::vector<double>& x, const std::vector<double>& ratio);

}  // namespace twice::experiments
