// Statistics of measured numbers: means with their intervals, medians, quantiles, and laws through
// points that treat small and large times alike.
#pragma once

#include <vector>

namespace twice::experiments {

struct Interval {
  double low, high;
};

double mean(const std::vector<double>& values);
/// The middle one, or the mean of the two middle ones; NaN of none.
double median(std::vector<double> values);
/// The value below which the share `q` of the values lies, by straight lines between neighbours;
/// NaN of none.
double quantile(std::vector<double> values, double q);

/// sqrt(sum (x - mean)^2 / (n - 1)); NaN for fewer than two values.
double standard_deviation(const std::vector<double>& values);

/// The number below which Student's t with that many degrees of freedom is with `probability` in
/// (0, 1).
double t_quantile(double probability, double degrees);

/// Student's 95 % interval of the mean of independent values: mean +- t s / sqrt(n), with the
/// 97.5 % quantile t of n - 1 degrees of freedom. Unbounded for fewer than two values. With
/// `comparisons` > 1 (Bonferroni) it is so much wider that this many such intervals hold together
/// in 95 %.
Interval mean_interval(const std::vector<double>& values, int comparisons = 1);

/// Where the median of a distribution lies in at least 95 % of all samples of independent values:
/// from the k-th smallest to the k-th largest, with the largest k for which P(B < k) <= 2.5 %, B
/// binomial with n tries of chance 1/2 (David, Nagaraja, "Order Statistics", 7.1). Fewer than 6
/// values cannot say so much, and it is their range; of one value, and of none, unbounded.
Interval median_interval(std::vector<double> values);

/// a_i - b_i: what a paired comparison looks at.
std::vector<double> differences(const std::vector<double>& a, const std::vector<double>& b);

/// The slope of the straight line through (ln x, ln y), by least squares; NaN for fewer than two
/// points or when a number is not positive.
double log_slope(const std::vector<double>& x, const std::vector<double>& y);

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
/// The same of a ratio that grows with x: an end of the range where it stays on one side.
double crossing(const std::vector<double>& x, const std::vector<double>& ratio);

}  // namespace twice::experiments
