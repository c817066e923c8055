// The rank test, its interval and the correction, against values computed by hand, by counting all
// permutations, and by SciPy 1.10.
#include "experiments/statistics/rank_test.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numeric>

#include "autodiff/array/error.h"
#include "autodiff/array/random.h"

namespace twice {
namespace {

double two_sided(const std::vector<double>& a, const std::vector<double>& b) {
  return rank_test(a, b).p;
}

/// The share of all orders of a and b together whose U is at least as far from mn/2.
double p_of_all_permutations(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> all = a;
  all.insert(all.end(), b.begin(), b.end());
  const auto distance = [&] {
    double u = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
      for (std::size_t j = a.size(); j < all.size(); ++j) u += all[i] < all[j];
    return std::abs(u - static_cast<double>(a.size() * b.size()) / 2);
  };
  const double seen = distance();
  std::ranges::sort(all);
  double extreme = 0, count = 0;
  do {
    extreme += distance() >= seen;
    ++count;
  } while (std::next_permutation(all.begin(), all.end()));
  return extreme / count;
}

std::vector<double> normal_times(std::uint64_t seed, Index count, double shift) {
  Array values({count}, DType::f64);
  fill_normal(Rng(seed), 0, 1, values);
  std::vector<double> result;
  for (Index i = 0; i < count; ++i)
    result.push_back(shift * std::exp(0.2 * values.data<double>()[i]));
  return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(rank_tests)

// Of the 6 ways to give two of four ranks to a, U is 4 in one and 0 in one: p = 2 / 6.
BOOST_AUTO_TEST_CASE(by_hand) {
  const RankTest test = rank_test({1, 2}, {3, 4});
  BOOST_TEST(test.u == 4);
  BOOST_TEST(test.exact);
  BOOST_TEST(test.p == 1. / 3, boost::test_tools::tolerance(1e-14));
  BOOST_TEST(two_sided({3, 4}, {1, 2}) == 1. / 3, boost::test_tools::tolerance(1e-14));
  BOOST_TEST(two_sided({1}, {2}) == 1);
  BOOST_TEST(two_sided({5, 5, 5}, {5, 5}) == 1);
}

BOOST_AUTO_TEST_CASE(exact_p_counts_all_permutations) {
  const std::vector<std::pair<std::vector<double>, std::vector<double>>> sets = {
      {{1, 4, 2}, {3, 5, 7, 6}}, {{1, 2, 3, 4}, {5, 6, 7, 8}}, {{9, 1}, {2, 3, 4, 5, 6}},
      {{2}, {1, 3, 4}},          {{8, 7, 3, 2}, {1, 4, 5}},    {{1, 8, 4}, {2, 3, 5, 6, 7}}};
  for (const auto& [a, b] : sets)
    BOOST_TEST(two_sided(a, b) == p_of_all_permutations(a, b), boost::test_tools::tolerance(1e-12));
}

// p of scipy.stats.mannwhitneyu(a, b), SciPy 1.10.1; its U counts the pairs with a above b.
BOOST_AUTO_TEST_CASE(agrees_with_scipy) {
  const auto close = boost::test_tools::tolerance(1e-12);
  BOOST_TEST(two_sided({1, 2, 3, 4}, {2.5, 5, 6, 7, 8}) == 0.06349206349206349, close);
  const RankTest ties = rank_test({1, 2, 2, 4, 5, 6, 7, 8, 9}, {2, 3, 3, 11, 12, 5, 6, 7, 14});
  BOOST_TEST(ties.u == 9 * 9 - 29.5);
  BOOST_TEST(!ties.exact);
  BOOST_TEST(ties.p == 0.3518412266982013, close);
  std::vector<double> a, b;
  for (int i = 0; i < 25; ++i) a.push_back((7 * i) % 31 + 0.5 * i);
  for (int i = 0; i < 30; ++i) b.push_back((11 * i) % 37 + 0.25 * i + 3);
  BOOST_TEST(rank_test(a, b).u == 25 * 30 - 304.5);
  BOOST_TEST(two_sided(a, b) == 0.2366812866382897, close);
  a.clear(), b.clear();
  for (int i = 0; i < 5; ++i) a.push_back((7 * i) % 31 + 0.5 * i);
  for (int i = 0; i < 40; ++i) b.push_back((11 * i) % 37 + 0.25 * i + 3.1);
  BOOST_TEST(rank_test(a, b).exact);
  BOOST_TEST(two_sided(a, b) == 0.07964909609833036, close);
  a.clear(), b.clear();
  for (int i = 0; i < 12; ++i) a.push_back(i % 4);
  for (int i = 0; i < 15; ++i) b.push_back(i % 3 + 1);
  BOOST_TEST(two_sided(a, b) == 0.26353982901324546, close);
}

BOOST_AUTO_TEST_CASE(refuses_what_has_no_ranks) {
  BOOST_CHECK_THROW(rank_test({}, {1}), Error);
  BOOST_CHECK_THROW(rank_test({1}, {std::nan("")}), Error);
  BOOST_CHECK_THROW(ratio_interval({0}, {1}, 0.05), Error);
}

// The ratios of {1, 2, 4} over {1, 2, 4} are 1/4, 1/2 twice, 1 three times, 2 twice, 4.
BOOST_AUTO_TEST_CASE(ratio_is_the_median_of_all_pairs) {
  const RatioInterval wide = ratio_interval({1, 2, 4}, {1, 2, 4}, 0.05);
  BOOST_TEST(wide.ratio == 1);
  BOOST_TEST(std::isinf(wide.interval.high));  // P(U = 0) = 1/20 is above 0.025
  const RatioInterval narrow = ratio_interval({1, 2, 4}, {1, 2, 4}, 0.1);
  BOOST_TEST(narrow.interval.low == 0.25);  // C = 1
  BOOST_TEST(narrow.interval.high == 4);
  BOOST_TEST(ratio_interval({1, 2, 4}, {3, 6, 12}, 0.2).ratio == 3);
}

// The interval ends where the test of a * ratio against b crosses the level, exact and normal.
BOOST_AUTO_TEST_CASE(interval_inverts_the_test) {
  for (const auto& [m, n] :
       {std::pair{Index{6}, Index{9}}, {Index{8}, Index{60}}, {Index{40}, Index{55}}})
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      const std::vector<double> a = normal_times(seed, m, 1), b = normal_times(seed + 100, n, 1.1);
      const auto [low, high] = ratio_interval(a, b, 0.05).interval;
      const auto p_at = [&](double factor) {
        std::vector<double> scaled;
        for (const double value : a) scaled.push_back(value * factor);
        return two_sided(scaled, b);
      };
      BOOST_TEST(p_at(low * 0.9999) <= 0.05);
      BOOST_TEST(p_at(low * 1.0001) > 0.05);
      BOOST_TEST(p_at(high * 0.9999) > 0.05);
      BOOST_TEST(p_at(high * 1.0001) <= 0.05);
    }
}

// Of sets of one distribution few have p below the level; of two that differ much, all.
BOOST_AUTO_TEST_CASE(false_alarms_are_as_rare_as_the_level_says) {
  int alarms = 0, outside = 0, found = 0;
  constexpr int trials = 400;
  for (int i = 0; i < trials; ++i) {
    const auto seed = static_cast<std::uint64_t>(2 * i + 1);
    const std::vector<double> a = normal_times(seed, 20, 1), b = normal_times(seed + 1, 25, 1);
    alarms += two_sided(a, b) < 0.05;
    const auto [low, high] = ratio_interval(a, b, 0.05).interval;
    outside += low > 1 || high < 1;
    found += two_sided(a, normal_times(seed + 1, 25, 2)) < 0.05;
  }
  BOOST_TEST(alarms > 0.02 * trials);
  BOOST_TEST(alarms < 0.09 * trials);
  BOOST_TEST(outside > 0.02 * trials);
  BOOST_TEST(outside < 0.09 * trials);
  BOOST_TEST(found == trials);
}

BOOST_AUTO_TEST_CASE(holm_by_hand) {
  const std::vector<double> corrected = holm({0.01, 0.04, 0.03, 0.005});
  const std::vector<double> expected = {0.03, 0.06, 0.06, 0.02};
  for (std::size_t i = 0; i < expected.size(); ++i)
    BOOST_TEST(corrected[i] == expected[i], boost::test_tools::tolerance(1e-12));
  BOOST_TEST(holm({0.7, 0.8})[1] == 1);
  BOOST_TEST(holm({}).empty());
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace twice
