// Tests the comparison of two engines' gradients, which `bench` makes before it compares times.
#include "experiments/measure/gradient_error.h"

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/kernels/random.h"

using namespace twice;
using namespace twice::experiments;

namespace {

const std::vector<std::string> parameters = {"weight", "bias"};

/// The gradient of a weight, 200 numbers, and of a bias, 20 numbers ten thousand times smaller.
std::vector<Array> gradient(DType dtype = DType::f32) {
  std::vector<Array> g = {Array({10, 20}, dtype), Array({20}, dtype)};
  fill_normal(Rng(1), 0, 1, g[0]);
  fill_normal(Rng(2), 0, 1e-4, g[1]);
  return g;
}

std::vector<Array> with(std::vector<Array> g, std::size_t parameter, Index position, double value) {
  g[parameter] = g[parameter].clone();
  g[parameter].set(position, value);
  return g;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(agreement)

BOOST_AUTO_TEST_CASE(equal_gradients_and_rounding) {
  BOOST_TEST(gradient_difference(parameters, gradient(), gradient()).error == 0);
  const GradientDifference rounding =
      gradient_difference(parameters, gradient(), gradient(DType::f64));
  BOOST_TEST(rounding.error > 0);
  BOOST_TEST(rounding.error < 1e-7);
  BOOST_TEST(rounding.error < agreement_tolerance(DType::f32, false, 0));
  BOOST_TEST(rounding.error > agreement_tolerance(DType::f64, false, 0));
}

BOOST_AUTO_TEST_CASE(one_wrong_weight_is_found_and_named) {
  const std::vector<Array> g = gradient();
  // The norm of the weight's gradient is about sqrt(200).
  const GradientDifference found =
      gradient_difference(parameters, with(g, 0, 7, g[0].at(7) + 0.01), g);
  BOOST_TEST(found.parameter == "weight");
  BOOST_TEST(found.error > 5e-4);
  BOOST_TEST(found.error < 1e-3);
  BOOST_TEST(found.error > agreement_tolerance(DType::f32, false, 0));
}

BOOST_AUTO_TEST_CASE(a_wrong_small_parameter_does_not_hide_behind_a_large_one) {
  const std::vector<Array> g = gradient();
  std::vector<Array> wrong = g;
  wrong[1] = Array::zeros({20}, DType::f32);
  const GradientDifference found = gradient_difference(parameters, wrong, g);
  BOOST_TEST(found.parameter == "bias");
  BOOST_TEST(found.error > agreement_tolerance(DType::f32, false, 0));
  BOOST_TEST(found.error > agreement_tolerance(DType::f64, true, 0));
}

BOOST_AUTO_TEST_CASE(numbers_that_are_not_finite_never_agree) {
  const std::vector<Array> g = gradient();
  for (double value : {NAN, INFINITY})
    for (std::size_t p : {0, 1}) {
      BOOST_TEST(std::isinf(gradient_difference(parameters, with(g, p, 3, value), g).error));
      BOOST_TEST(std::isinf(gradient_difference(parameters, g, with(g, p, 3, value)).error));
    }
}

BOOST_AUTO_TEST_CASE(zeros_agree_with_zeros_only) {
  const std::vector<Array> zeros = {Array::zeros({10, 20}, DType::f32),
                                    Array::zeros({20}, DType::f32)};
  BOOST_TEST(gradient_difference(parameters, zeros, zeros).error == 0);
  BOOST_TEST(std::isinf(gradient_difference(parameters, gradient(), zeros).error));
}

BOOST_AUTO_TEST_CASE(shapes_must_be_the_same) {
  std::vector<Array> g = gradient();
  g[0] = g[0].reshaped({20, 10});
  BOOST_CHECK_THROW(gradient_difference(parameters, g, gradient()), Error);
  BOOST_CHECK_THROW(gradient_difference(parameters, {gradient()[0]}, gradient()), Error);
}

BOOST_AUTO_TEST_CASE(kinks_and_finite_differences_enlarge_rounding) {
  BOOST_TEST(agreement_tolerance(DType::f32, true, 0) > agreement_tolerance(DType::f32, false, 0));
  BOOST_TEST(agreement_tolerance(DType::f64, true, 0) == agreement_tolerance(DType::f64, false, 0));
  BOOST_TEST(agreement_tolerance(DType::f32, false, 0.4) ==
             agreement_tolerance(DType::f32, false, 0));
  BOOST_TEST(agreement_tolerance(DType::f32, false, 100) ==
             100 * agreement_tolerance(DType::f32, false, 0));
}

BOOST_AUTO_TEST_SUITE_END()
