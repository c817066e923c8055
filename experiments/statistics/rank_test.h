// Are the times of one set smaller than those of another? Asked of ranks, not of means: times have
// a long tail to one side, and one step that the system interrupted must not decide.
#pragma once

#include <vector>

#include "experiments/statistics/statistics.h"

namespace twice {

struct RankTest {
  /// Pairs (a_i, b_j) with a_i < b_j; equal ones count a half.
  double u = 0;
  /// Two-sided: how often sets of one and the same distribution differ at least this much.
  double p = 1;
  /// From all ways in which the ranks can fall; else from the normal approximation.
  bool exact = false;
};

/// The test of Mann and Whitney (Ann. Math. Statist. 18, 1947). Without ties, and when the smaller
/// set has at most 8 and the larger at most 400 values, p is exact, 2 P(U <= min(u, mn - u)) of m
/// and n values. Else it is normal, with the correction for continuity and, for groups of t equal
/// values, the one for ties (Hollander, Wolfe, Chicken, Nonparametric Statistical Methods, 4.1):
///
///   z = (|u - mn/2| - 1/2) / sigma,  sigma^2 = mn/12 (m + n + 1 - sum (t^3 - t) / ((m+n)(m+n-1)))
///
/// The same choice and the same p as of scipy.stats.mannwhitneyu for sets of up to 400. Throws when
/// a set is empty or a value is not finite.
RankTest rank_test(const std::vector<double>& a, const std::vector<double>& b);

/// By what factor b is above a, and where that factor lies with confidence 1 - level.
struct RatioInterval {
  double ratio;
  Interval interval;
};

/// The median of all ratios b_j / a_i, the estimate of Hodges and Lehmann (Ann. Math. Statist. 34,
/// 1963) on logarithms. Its interval ends at the ratios C-th from either end, where C is the
/// largest number with P(U <= C - 1) <= level / 2: it holds the factors by which a can be
/// multiplied without a rank test noticing (Hollander, Wolfe, Chicken, 4.3). Unbounded when the
/// sets are too small for the level. Values must be positive.
RatioInterval ratio_interval(const std::vector<double>& a, const std::vector<double>& b,
                             double level);

/// The p-values of several tests, raised so that the chance of even one false alarm stays below
/// the level that they are compared with: the k-th smallest of n becomes the largest of
/// (n - i + 1) p_i over i <= k, at most 1 (Holm, Scand. J. Statist. 6, 1979).
std::vector<double> holm(const std::vector<double>& p);

}  // namespace twice
