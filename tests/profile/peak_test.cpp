// Tests that the measured peaks are plausible, and the rates and levels between the measured sizes.
#include "autodiff/profile/peak.h"

#include <boost/test/unit_test.hpp>

#include <cmath>

#include "autodiff/threads/threads.h"

using namespace twice;

BOOST_AUTO_TEST_SUITE(profile_peak)

BOOST_AUTO_TEST_CASE(peaks_are_plausible_for_each_number_of_threads) {
  const int before = threads();
  for (DType dtype : {DType::f32, DType::f64}) {
    const std::vector<Peak> peaks = measured_peaks(dtype, 2);
    BOOST_TEST(peaks.size() == 2u);
    for (int i = 0; i < 2; ++i) {
      const Peak& peak = peaks[static_cast<std::size_t>(i)];
      BOOST_TEST(peak.threads == i + 1);
      // The range from an emulated slow machine to a large server of the future.
      BOOST_TEST(peak.gflops > 0.01);
      BOOST_TEST(peak.gflops < 1e6);
      BOOST_TEST(peak.gbs > 0.01);
      BOOST_TEST(peak.gbs < 1e5);
      BOOST_TEST(peak.rates.size() > 10u);
      BOOST_TEST(peak.rates.back().gbs == peak.gbs);
      for (std::size_t k = 1; k < peak.rates.size(); ++k)
        BOOST_TEST(peak.rates[k - 1].bytes < peak.rates[k].bytes);
      BOOST_TEST(peak.starts.front().seconds == 0);
    }
  }
  BOOST_TEST(threads() == before);
}

BOOST_AUTO_TEST_CASE(the_stream_is_larger_than_a_cache) {
  BOOST_TEST(stream_bytes() >= std::size_t{64} << 20);
}

BOOST_AUTO_TEST_CASE(rates_lie_on_straight_lines_in_logarithms) {
  const Peak peak{.threads = 1,
                  .gflops = 100,
                  .gbs = 4,
                  .rates = {{1e3, 400}, {1e5, 40}, {1e9, 4}},
                  .starts = {{0, 0}, {1e6, 1e-6}, {3e6, 5e-6}}};
  const auto close = boost::test_tools::tolerance(1e-12);
  BOOST_TEST(peak.ridge() == 25);
  BOOST_TEST(peak.gbs_at(0) == 400);
  BOOST_TEST(peak.gbs_at(1e3) == 400, close);
  BOOST_TEST(peak.gbs_at(1e4) == std::sqrt(400. * 40), close);
  BOOST_TEST(peak.gbs_at(1e7) == std::sqrt(40. * 4), close);
  BOOST_TEST(peak.gbs_at(1e12) == 4);
  BOOST_TEST(peak.start_after(0) == 0);
  BOOST_TEST(peak.start_after(5e5) == 5e-7, close);
  BOOST_TEST(peak.start_after(2e6) == 3e-6, close);
  BOOST_TEST(peak.start_after(1e9) == 5e-6);
}

BOOST_AUTO_TEST_CASE(levels_follow_the_caches_of_all_threads) {
  const std::array<long, cache_levels - 1> caches = cache_bytes();
  if (caches[0] == 0 || caches[1] == 0) return;  // the system does not report its caches
  // The rate is the same for all sizes except the last.
  Peak peak{.threads = 1, .gflops = 1, .gbs = 1, .rates = {{1, 9}, {1e11, 9}, {1.1e11, 1}}};
  const double l1 = static_cast<double>(caches[0]), l2 = static_cast<double>(caches[1]);
  BOOST_TEST(level_name(peak.level(l1)) == "L1");
  BOOST_TEST(level_name(peak.level(l1 + 1)) == "L2");
  BOOST_TEST(level_name(peak.level(l2)) == "L2");
  BOOST_TEST(level_name(peak.level(l2 + 1)) == "L3");
  BOOST_TEST(level_name(peak.level(1e12)) == "memory");
  peak.threads = 2;
  BOOST_TEST(level_name(peak.level(2 * l1)) == "L1");
  BOOST_TEST(level_name(peak.level(2 * l2)) == "L2");
  // If all rates are the same as memory's, only the caches of a core are distinguished.
  peak.rates = {{1, 1}};
  BOOST_TEST(level_name(peak.level(1e8)) == "memory");
}

BOOST_AUTO_TEST_CASE(the_best_of_two_measurements_is_kept) {
  std::vector<Peak> best = {{1, 50, 4, {{10, 8}, {20, 4}}, {{0, 0}, {9, 2}}}};
  keep_best(best, {{1, 40, 5, {{10, 7}, {20, 5}}, {{0, 0}, {9, 1}}}});
  BOOST_TEST(best[0].gflops == 50);
  BOOST_TEST(best[0].gbs == 5);
  BOOST_TEST(best[0].rates[0].gbs == 8);
  BOOST_TEST(best[0].starts[1].seconds == 1);
}

BOOST_AUTO_TEST_SUITE_END()
