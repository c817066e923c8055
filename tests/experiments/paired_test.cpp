// Tests the comparison of two programs that take turns: contrasts, intervals, verdicts and the rate
// of wrong verdicts.
#include "experiments/measure/paired.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>

using namespace twice;
using namespace twice::experiments;

BOOST_AUTO_TEST_SUITE(paired)

BOOST_AUTO_TEST_CASE(contrasts_by_hand) {
  const Contrasts found = contrasts({std::exp(5.), std::exp(2.), std::exp(1.), std::exp(3.)});
  BOOST_TEST(found.difference == 1.5, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(found.controls[0] == 0.5, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(found.controls[1] == 2.5, boost::test_tools::tolerance(1e-12));
  const Contrasts slower =
      contrasts({2 * std::exp(5.), 2 * std::exp(2.), std::exp(1.), std::exp(3.)});
  BOOST_TEST(slower.difference == 1.5 + std::log(2.), boost::test_tools::tolerance(1e-12));
  BOOST_TEST(slower.controls[0] == 0.5, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(slower.controls[1] == 2.5, boost::test_tools::tolerance(1e-12));
}

// The 97.5 % quantile of Student's t with 2 degrees of freedom is 4.30265.
BOOST_AUTO_TEST_CASE(interval_by_hand) {
  const double t = 4.302653 / std::sqrt(3.);
  const std::vector<Contrasts> wide_difference = {
      {0, {0.1, 0.1}}, {1, {0.1, 0.1}}, {2, {0.1, 0.1}}};
  const PairedRatio a = paired_ratio(wide_difference, 0.05);
  BOOST_TEST(a.ratio == std::exp(1), boost::test_tools::tolerance(1e-12));
  BOOST_TEST(a.interval.low == std::exp(1 - t), boost::test_tools::tolerance(1e-5));
  BOOST_TEST(a.interval.high == std::exp(1 + t), boost::test_tools::tolerance(1e-5));
  BOOST_TEST(a.control == std::exp(0.1 * t) - 1, boost::test_tools::tolerance(1e-5));

  // If the control contrasts, between equal programs, vary more than the difference, they determine
  // the width of the interval.
  const std::vector<Contrasts> wide_controls = {{0, {2, -2}}, {1, {-2, 2}}, {2, {2, 2}}};
  const PairedRatio b = paired_ratio(wide_controls, 0.05);
  BOOST_TEST(b.interval.high == std::exp(1 + 2 * t), boost::test_tools::tolerance(1e-5));

  const PairedRatio one = paired_ratio({{1, {0, 0}}}, 0.05);
  BOOST_TEST(one.ratio == std::exp(1), boost::test_tools::tolerance(1e-12));
  BOOST_TEST(one.interval.low == 0);
  BOOST_TEST(std::isinf(one.interval.high));
}

// One process was disturbed: in its repetition the difference and the controls are far larger than
// in the others.
BOOST_AUTO_TEST_CASE(disturbed_repetitions_do_not_count) {
  const std::vector<Contrasts> calm = {
      {0.1, {0.01, -0.01}}, {0.1, {0.02, 0.01}}, {0.1, {0.01, 0.01}}};
  std::vector<Contrasts> all = calm;
  all.push_back({0.6, {0.5, -0.5}});
  BOOST_TEST(undisturbed(all).size() == 3);
  BOOST_TEST(undisturbed(calm).size() == 3);
  BOOST_TEST(paired_ratio(all, 0.05).ratio == paired_ratio(calm, 0.05).ratio);
  BOOST_TEST(control_noise(all) == control_noise(calm));
}

BOOST_AUTO_TEST_CASE(verdicts) {
  BOOST_TEST((verdict_of({0.99, 1.01}, 0.02) == Verdict::same));
  BOOST_TEST((verdict_of({1.001, 1.019}, 0.02) == Verdict::same));
  BOOST_TEST((verdict_of({1.001, 1.03}, 0.02) == Verdict::slower));
  BOOST_TEST((verdict_of({0.97, 0.999}, 0.02) == Verdict::faster));
  BOOST_TEST((verdict_of({0.97, 1.001}, 0.02) == Verdict::inconclusive));
  BOOST_TEST((verdict_of({1.001, 1.002}, 0) == Verdict::slower));
}

/// Simulates runs of 12 repetitions, in which times vary by 2 % and occasionally by 20 %. Returns
/// the share of runs with each verdict.
std::array<double, 4> rates(double true_ratio, double level) {
  constexpr int runs = 2000, repetitions = 12;
  std::mt19937 random(1);
  std::normal_distribution<double> usual(0, 0.02), disturbed(0, 0.2);
  std::bernoulli_distribution rarely(0.05);
  std::array<double, 4> counts{};
  for (int run = 0; run < runs; ++run) {
    std::vector<Contrasts> list;
    for (int i = 0; i < repetitions; ++i) {
      std::array<double, 4> times;
      for (std::size_t k = 0; k < 4; ++k)
        times[k] =
            (k < 2 ? true_ratio : 1) * std::exp(rarely(random) ? disturbed(random) : usual(random));
      list.push_back(contrasts(times));
    }
    const Verdict verdict = verdict_of(paired_ratio(list, level).interval, 0);
    counts[static_cast<std::size_t>(verdict)] += 1. / runs;
  }
  return counts;
}

BOOST_AUTO_TEST_CASE(error_rates) {
  const std::array<double, 4> equal = rates(1, 0.05), slower = rates(1.1, 0.05);
  const double false_alarms = equal[0] + equal[1];
  BOOST_TEST(false_alarms < 0.06);
  BOOST_TEST(false_alarms > 0.005);  // an interval that is never wrong is too wide
  BOOST_TEST(slower[static_cast<std::size_t>(Verdict::slower)] > 0.9);
  BOOST_TEST(slower[static_cast<std::size_t>(Verdict::faster)] == 0);
}

BOOST_AUTO_TEST_SUITE_END()
