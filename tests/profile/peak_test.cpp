// The measured bounds are plausible, and the bound of a piece of work is what they say.
#include "autodiff/profile/peak.h"

#include <boost/test/unit_test.hpp>

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
      // From an interpreter on a slow machine to a server of the next decade.
      BOOST_TEST(peak.gflops > 0.01);
      BOOST_TEST(peak.gflops < 1e6);
      BOOST_TEST(peak.gbs > 0.01);
      BOOST_TEST(peak.gbs < 1e5);
    }
  }
  BOOST_TEST(threads() == before);
}

BOOST_AUTO_TEST_CASE(the_stream_is_larger_than_a_cache) {
  BOOST_TEST(stream_bytes() >= std::size_t{64} << 20);
}

BOOST_AUTO_TEST_CASE(the_bound_is_the_larger_of_arithmetic_and_memory) {
  const Peak peak{1, 100, 10};  // 1e11 FLOP/s, 1e10 bytes/s
  BOOST_TEST(peak.ridge() == 10);
  const auto bound = [&](double flops, double bytes, double seconds) {
    return bound_of({flops, bytes, 0, 0}, seconds, peak);
  };
  const auto tolerance = boost::test_tools::tolerance(1e-12);
  const Bound compute = bound(1e9, 1e7, 0.02);
  BOOST_TEST(str(compute.limit) == "compute");
  BOOST_TEST(compute.seconds == 0.01, tolerance);
  BOOST_TEST(compute.share == 0.5, tolerance);
  const Bound memory = bound(1e6, 1e8, 0.02);
  BOOST_TEST(str(memory.limit) == "memory");
  BOOST_TEST(memory.seconds == 0.01, tolerance);
  // The same work in a time that neither explains.
  const Bound overhead = bound(1e6, 1e8, 0.1);
  BOOST_TEST(str(overhead.limit) == "overhead");
  BOOST_TEST(overhead.share == 0.1, tolerance);
  // Moving nothing and computing nothing is never bounded.
  BOOST_TEST(str(bound(0, 0, 1e-6).limit) == "overhead");
  BOOST_TEST(bound(0, 0, 0).share == 0);
}

BOOST_AUTO_TEST_SUITE_END()
