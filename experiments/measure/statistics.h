// Statistics of measured numbers: means with their intervals, medians, quantiles, and laws fitted
// to points, with equal weight for small and large times.
#pragma once

#include <vector>

namespace twice::experiments {

struct Interval {
  double low, high;
};

double mean(const std::vector<double>& values);
/// The middle value, or the mean of the two middle values. NaN without values.
double median(std::vector<double> values);
/// The value below which the share `q` of the values lies, with linear interpolation. NaN without
/// values.
double quantile(std::vector<double> values, double q);

/// sqrt(sum (x - mean)^2 / (n - 1)); NaN for fewer than two values.
double standard_deviation(const std::vector<double>& values);

/// The quantile of Student's t distribution with `degrees` degrees of freedom. `probability` is in
/// (0, 1).
double t_quantile(double probability, double degrees);

/// Student's 95 % interval of the mean of independent values: mean +- t s / sqrt(n), where t is the
/// 97.5 % quantile for n - 1 degrees of freedom. Unbounded for fewer than two values. With
/// `comparisons` > 1 the interval is wider, so that this many intervals hold together with a
/// probability of 95 % (Bonferroni).
Interval mean_interval(const std::vector<double>& values, int comparisons = 1);

/// An interval that contains the median of a distribution in at least 95 % of all samples of
/// independent values. It goes from the k-th smallest to the k-th largest value, with the largest k
/// for which P(B < k) <= 2.5 %, where B is binomial with n trials of probability 1/2 (David,
/// Nagaraja, "Order Statistics", 7.1). Fewer than 6 values cannot reach 95 %, and the interval is
/// their range. For fewer than two values, the interval is unbounded.
Interval median_interval(std::vector<double> values);

/// a_i - b_i, for a paired comparison.
std::vector<double> differences(const std::vector<double>& a, const std::vector<double>& b);

/// The slope of the straight line through (ln x, ln y), by least squares. NaN for fewer than two
/// points, or if a number is not positive.
double log_slope(const std::vector<double>& x, const std::vector<double>& y);

/// y = slope x + intercept. `residual` is the root of the mean of ((slope x + intercept) / y -
/// 1)^2, `worst` the largest of |(slope x + intercept) / y - 1|.
struct Line {
  double slope, intercept, residual, worst;
};

/// The line with the least `residual`: least squares weighted by 1 / y^2, because the error of a
/// time is proportional to the time. Numbers must be finite and y positive; NaN for fewer than two
/// different x.
Line fit_line(const std::vector<double>& x, const std::vector<double>& y);

/// y = factor x^exponent, and the same errors.
struct Power {
  double exponent, factor, residual, worst;
};

/// The straight line through the logarithms, by least squares (`log_slope`); NaN for fewer than two
/// different x and for numbers that are not positive.
Power fit_power(const std::vector<double>& x, const std::vector<double>& y);

/// The first x at which `ratio` crosses 1, with linear interpolation of both logarithms. NaN if the
/// ratio stays on one side of 1. x is positive and ascending.
double first_crossing(const std::vector<double>& x, const std::vector<double>& ratio);
/// The same for a ratio that grows with x. If the ratio stays on one side of 1, returns an end of
/// the range.
double crossing(const std::vector<double>& x, const std::vector<double>& ratio);

}  // namespace twice::experiments
