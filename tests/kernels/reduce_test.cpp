// Tests sums over every pattern of axes against long double sums, and for equal bits with several
// threads.
#include "autodiff/kernels/reduce.h"

#include <boost/test/unit_test.hpp>

#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::kernel;
using namespace twice::testing;

namespace {

/// For each element of y, the exact sum and the sum of the absolute values.
struct Sums {
  std::vector<long double> sum, size;
};

Sums exact_sums(const Array& x, const Shape& target) {
  Sums result{std::vector<long double>(static_cast<std::size_t>(target.elements())),
              std::vector<long double>(static_cast<std::size_t>(target.elements()))};
  const Shape strides = row_major_strides(target);
  const int lead = x.rank() - target.rank();
  for (Index i = 0; i < x.elements(); ++i) {
    Index rest = i, place = 0;
    for (int axis = x.rank() - 1; axis >= 0; --axis) {
      const Index at = rest % x.shape()[axis];
      rest /= x.shape()[axis];
      if (axis >= lead && target[axis - lead] != 1) place += at * strides[axis - lead];
    }
    const auto to = static_cast<std::size_t>(place);
    result.sum[to] += x.at(i);
    result.size[to] += std::abs(x.at(i));
  }
  return result;
}

/// The largest error of sum_to, relative to the sum of the absolute values, in units of rounding.
double error_of_sums(const Array& x, const Shape& target) {
  const Array y(target, x.dtype());
  sum_to(x, y);
  const Sums exact = exact_sums(x, target);
  const double unit = x.dtype() == DType::f32 ? 0x1p-24 : 0x1p-53;
  double worst = 0;
  for (std::size_t i = 0; i < exact.sum.size(); ++i) {
    const long double error = std::abs(y.at(static_cast<Index>(i)) - exact.sum[i]);
    if (error > 0) worst = std::max(worst, static_cast<double>(error / exact.size[i]) / unit);
  }
  return worst;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(reductions)

BOOST_AUTO_TEST_CASE(every_pattern_of_axes) {
  const Shape shapes[] = {
      {},           {1},          {7},           {1000},    {3, 5},    {1, 4},
      {64, 65},     {300, 7},     {7, 300},      {4, 3, 5}, {2, 1, 6}, {17, 9, 33},
      {2, 3, 4, 5}, {5, 1, 4, 3}, {40, 6, 6, 8}, {0, 3},    {3, 0, 2}, {2, 3, 2, 3, 2}};
  for (const Shape& shape : shapes)
    for (int pattern = 0; pattern < 1 << shape.rank(); ++pattern) {
      Shape target = shape;
      for (int axis = 0; axis < shape.rank(); ++axis)
        if (pattern >> axis & 1) target[axis] = 1;
      for (DType dtype : {DType::f32, DType::f64}) {
        const Array x = random_array(shape, dtype);
        BOOST_TEST(error_of_sums(x, target) < 30,
                   str(x.dtype()) << " " << str(shape) << " to " << str(target));
        // The target may omit leading summed axes instead of giving them size 1.
        Shape cut = target;
        while (cut.rank() > 0 && cut[0] == 1) {
          cut = Shape(std::span(cut.begin() + 1, cut.end()));
          BOOST_TEST(error_of_sums(x, cut) < 30);
        }
      }
    }
}

BOOST_AUTO_TEST_CASE(narrow_columns) {
  // The kernel reads several rows at once. The widths include some that do not divide a strip, and
  // the numbers of rows leave remainders.
  for (Index columns : {1, 2, 3, 4, 8, 10, 16, 21, 31, 32, 33, 63, 64, 65, 100, 128, 129})
    for (Index rows : {1, 2, 15, 16, 17, 100, 1023, 5000})
      for (DType dtype : {DType::f32, DType::f64})
        BOOST_TEST(error_of_sums(random_array({rows, columns}, dtype), {columns}) < 30,
                   str(dtype) << " " << rows << " x " << columns);
}

BOOST_AUTO_TEST_CASE(long_sums_keep_their_accuracy) {
  // A naive f32 sum of a million positive numbers has an error of thousands of units.
  const Array ones = Array::filled({1000003}, DType::f32, 0.1);
  BOOST_TEST(error_of_sums(ones, {1}) < 60);
  BOOST_TEST(error_of_sums(ones.reshaped({1000003, 1}), {1, 1}) < 60);
  const Array x = Array::filled({250000, 4}, DType::f32, 0.1);
  BOOST_TEST(error_of_sums(x, {1, 4}) < 300);
  BOOST_TEST(error_of_sums(x, {}) < 60);
}

BOOST_AUTO_TEST_CASE(sums_have_the_same_bits_at_any_number_of_threads) {
  const struct {
    Shape from, to;
  } cases[] = {{{500000}, {}},         {{3000, 130}, {130}},         {{3000, 130}, {3000, 1}},
               {{64, 28, 28, 8}, {8}}, {{20, 300, 50}, {20, 1, 50}}, {{300, 20, 50}, {1, 20, 1}}};
  for (const auto& sizes : cases)
    for (DType dtype : {DType::f32, DType::f64}) {
      const Array x = random_array(sizes.from, dtype);
      const auto summed = [&] {
        const Array y(sizes.to, dtype);
        sum_to(x, y);
        return y;
      };
      BOOST_TEST(same_at_any_thread_count(summed), str(sizes.from) << " to " << str(sizes.to));
    }
}

BOOST_AUTO_TEST_CASE(nan_and_infinity_show_in_a_sum) {
  const Array x = random_array({5000}, DType::f32), y(Shape{}, DType::f32);
  x.set(4321, std::nan(""));
  sum_to(x, y);
  BOOST_TEST(std::isnan(y.item()));
  x.set(4321, std::numeric_limits<double>::infinity());
  sum_to(x, y);
  BOOST_TEST(std::isinf(y.item()));
}

BOOST_AUTO_TEST_CASE(all_finite_looks_at_every_number) {
  for (DType dtype : {DType::f32, DType::f64})
    for (Index size : {Index{1}, Index{3}, Index{17}, Index{20000}}) {
      const Array x = random_array({size}, dtype);
      BOOST_TEST(all_finite(x));
      for (Index at : {Index{0}, size / 2, size - 1})
        for (double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
          const double good = x.at(at);
          x.set(at, bad);
          BOOST_TEST(!all_finite(x), size << " numbers, " << bad << " at " << at);
          x.set(at, good);
        }
    }
  BOOST_TEST(all_finite(Array::filled({3}, DType::f32, std::numeric_limits<float>::max())));
  BOOST_TEST(all_finite(Array::zeros({0}, DType::f32)));
}

BOOST_AUTO_TEST_SUITE_END()
