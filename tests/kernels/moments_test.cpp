// Tests variance and standardization against long double, at every edge of a strip, and for equal
// bits with several threads.
#include "autodiff/kernels/moments.h"

#include <boost/test/unit_test.hpp>

#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::kernel;
using namespace twice::testing;

namespace {

/// The results of the kernels.
struct Answers {
  Array variance, standardized;
};

constexpr double epsilon = 1e-3;

Answers answers(const Array& x, const MomentExtents& e) {
  std::vector<std::byte> workspace(moments_workspace(e));
  const Answers result{Array({e.outer, e.inner}, x.dtype()), Array(x.shape(), x.dtype())};
  variance(x, e, result.variance, workspace.data());
  standardize(x, e, epsilon, result.standardized, workspace.data());
  return result;
}

/// The largest errors of the variance and of the standardized numbers, in units of the rounding of
/// x's dtype. The error of the variance is relative to the sum of the variance and the squared
/// mean. The error of a standardized number is absolute.
std::pair<double, double> errors(const Array& x, const MomentExtents& e) {
  const Answers a = answers(x, e);
  const double unit = x.dtype() == DType::f32 ? 0x1p-24 : 0x1p-53;
  double worst_variance = 0, worst_standardized = 0;
  for (Index o = 0; o < e.outer; ++o)
    for (Index i = 0; i < e.inner; ++i) {
      const auto at = [&](Index k) { return (o * e.count + k) * e.inner + i; };
      const auto count = static_cast<long double>(e.count);
      long double sum = 0, squares = 0;
      for (Index k = 0; k < e.count; ++k) sum += x.at(at(k));
      const long double mean = sum / count;
      for (Index k = 0; k < e.count; ++k) squares += (x.at(at(k)) - mean) * (x.at(at(k)) - mean);
      const long double var = squares / count;
      const auto off = static_cast<double>(std::abs(a.variance.at(o * e.inner + i) - var) /
                                           (var + mean * mean + 1e-30L));
      worst_variance = std::max(worst_variance, off / unit);
      for (Index k = 0; k < e.count; ++k) {
        const long double y = (x.at(at(k)) - mean) / std::sqrt(var + epsilon);
        worst_standardized = std::max(
            worst_standardized, static_cast<double>(std::abs(a.standardized.at(at(k)) - y)) / unit);
      }
    }
  return {worst_variance, worst_standardized};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(moments)

BOOST_AUTO_TEST_CASE(every_width_and_rest_of_rows) {
  for (Index inner : {1, 2, 3, 4, 7, 8, 10, 16, 31, 32, 33, 63, 64, 65, 100, 130})
    for (Index count : {1, 2, 3, 15, 16, 17, 33, 100, 1000})
      for (Index outer : {1, 3})
        for (DType dtype : {DType::f32, DType::f64}) {
          const auto [variance_error, standardized_error] =
              errors(random_array({outer, count, inner}, dtype), {outer, count, inner});
          BOOST_TEST(variance_error < 30, str(dtype)
                                              << " " << outer << " " << count << " " << inner);
          BOOST_TEST(standardized_error < 60, str(dtype)
                                                  << " " << outer << " " << count << " " << inner);
        }
}

BOOST_AUTO_TEST_CASE(tiles_are_joined) {
  for (const MomentExtents& e : {MomentExtents{1, 100003, 1}, MomentExtents{1, 20011, 4},
                                 MomentExtents{2, 10007, 10}, MomentExtents{1, 5003, 70}}) {
    const Array x = random_array({e.outer, e.count, e.inner}, DType::f32);
    const auto [variance_error, standardized_error] = errors(x, e);
    BOOST_TEST(variance_error < 100);
    BOOST_TEST(standardized_error < 200);
  }
}

BOOST_AUTO_TEST_CASE(a_mean_between_two_numbers_keeps_its_digits) {
  for (const Index inner : {1, 2}) {
    const Array x = Array::filled({3, inner}, DType::f32, 1e7), y(x.shape(), DType::f32);
    for (Index i = 0; i < inner; ++i) x.set(i, 1e7 + 1);
    const MomentExtents e{1, 3, inner};
    std::vector<std::byte> workspace(moments_workspace(e));
    center(x, e, y, workspace.data());
    for (Index i = 0; i < y.elements(); ++i)
      BOOST_TEST(std::abs(y.at(i) - (i < inner ? 2.0 : -1.0) / 3) < 1e-6);
  }
}

BOOST_AUTO_TEST_CASE(the_same_bits_at_any_number_of_threads) {
  for (const MomentExtents& e : {MomentExtents{1, 20011, 4}, MomentExtents{300, 64, 1},
                                 MomentExtents{2, 10007, 10}, MomentExtents{1, 5003, 70}})
    for (DType dtype : {DType::f32, DType::f64}) {
      const Array x = random_array({e.outer, e.count, e.inner}, dtype);
      BOOST_TEST(same_at_any_thread_count([&] { return answers(x, e).variance; }));
      BOOST_TEST(same_at_any_thread_count([&] { return answers(x, e).standardized; }));
    }
}

BOOST_AUTO_TEST_SUITE_END()
