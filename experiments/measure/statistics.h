// Means over repetitions with their intervals, medians, and slopes in log-log plots.
#pragma once

#include <vector>

namespace twice::experiments {

struct Interval {
  double low, high;
};

double mean(const std::vector<double>& values);
/// The middle one, or the mean of the two middle ones; NaN of none.
double median(std::vector<double> values);

/// sqrt(sum (x - mean)^2 / (n - 1)); NaN for fewer than two values.
double standard_deviation(const std::vector<double>& values);

/// The number below which Student's t with that many degrees of freedom is with `probability` in
/// (1/2, 1).
double t_quantile(double probability, double degrees);

/// Student's 95 % interval of the mean of independent values: mean +- t s / sqrt(n), with the
/// 97.5 % quantile t of n - 1 degrees of freedom. Unbounded for fewer than two values. With
/// `comparisons` > 1 (Bonferroni) it is so much wider that this many such intervals hold together
/// in 95 %.
Interval mean_interval(const std::vector<double>& values, int comparisons = 1);

/// The slope of the straight line through (ln x, ln y), by least squares; NaN for fewer than two
/// points or when a number is not positive.
double log_slope(const std::vector<double>& x, const std::vector<double>& y);

/// a_i - b_i: what a paired comparison looks at.
std::vector<double> differences(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace twice::experiments
