// Tests the values of elementwise ops: against the standard library, at the tails of float32, with
// NaN, at odd lengths, and for the same bits at every position.
#include <boost/test/unit_test.hpp>
#include <numbers>

#include "autodiff/derive/grad.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/compare.h"
#include "autodiff/ops/exponential.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/trigonometric.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::testing;

namespace {

double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }
double cdf_of(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

struct Unary {
  const char* name;
  Tensor (*op)(Tensor);
  double (*exact)(double);
  /// The range of inputs for the comparison.
  double low, high;
  /// True if the derivatives are finite at large |x| too.
  bool activation = false;
  /// The allowed error in units of the last place.
  double units = 32;
};

double gelu_tanh_of(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x)));
}

const std::vector<Unary>& unary_ops() {
  static const std::vector<Unary> list = {
      {"affine", [](Tensor x) { return affine(x, -1.5, 0.25); },
       [](double x) { return -1.5 * x + 0.25; }, -100, 100},
      {"square", square, [](double x) { return x * x; }, -100, 100},
      {"reciprocal", reciprocal, [](double x) { return 1 / x; }, 0.01, 100},
      {"sqrt", sqrt, [](double x) { return std::sqrt(x); }, 0, 100},
      {"rsqrt", rsqrt, [](double x) { return 1 / std::sqrt(x); }, 0.01, 100},
      {"pow 3", [](Tensor x) { return pow(x, 3); }, [](double x) { return x * x * x; }, -20, 20},
      {"pow 2.5", [](Tensor x) { return pow(x, 2.5); }, [](double x) { return std::pow(x, 2.5); },
       0.1, 20},
      {"exp", exp, [](double x) { return std::exp(x); }, -80, 80},
      {"expm1", expm1, [](double x) { return std::expm1(x); }, -80, 80},
      {"log", log, [](double x) { return std::log(x); }, 0.001, 1000},
      {"log1p", log1p, [](double x) { return std::log1p(x); }, -0.9, 1000},
      {"erf", erf, [](double x) { return std::erf(x); }, -100, 100, false, 100},
      {"normal_pdf", normal_pdf,
       [](double x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi); }, -12, 12},
      {"normal_cdf", normal_cdf, cdf_of, -100, 100, false, 100},
      {"sin", sin, [](double x) { return std::sin(x); }, -100, 100},
      {"cos", cos, [](double x) { return std::cos(x); }, -100, 100},
      {"abs", abs, [](double x) { return std::abs(x); }, -100, 100},
      {"sign", sign, [](double x) { return double(x > 0) - double(x < 0); }, -100, 100},
      {"clamp", [](Tensor x) { return clamp(x, -1, 2); },
       [](double x) { return std::clamp(x, -1.0, 2.0); }, -100, 100},
      {"relu", relu, [](double x) { return std::max(x, 0.0); }, -100, 100, true},
      {"leaky_relu", [](Tensor x) { return leaky_relu(x, 0.25); },
       [](double x) { return x > 0 ? x : 0.25 * x; }, -100, 100, true},
      {"elu", [](Tensor x) { return elu(x, 0.5); },
       [](double x) { return x > 0 ? x : 0.5 * std::expm1(x); }, -100, 100, true},
      {"tanh", tanh, [](double x) { return std::tanh(x); }, -100, 100, true},
      {"sigmoid", sigmoid, sigmoid_of, -100, 100, true},
      {"softplus", softplus,
       [](double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }, -100, 100,
       true},
      {"silu", silu, [](double x) { return x * sigmoid_of(x); }, -100, 100, true},
      {"gelu", gelu, [](double x) { return x * cdf_of(x); }, -100, 100, true, 100},
      {"beta_gelu 4", [](Tensor x) { return beta_gelu(x, 4); },
       [](double x) { return x * cdf_of(4 * x); }, -100, 100, true, 100},
      {"gelu_tanh", gelu_tanh, gelu_tanh_of, -100, 100, true},
  };
  return list;
}

/// y = op(numbers).
Array computed(Tensor (*op)(Tensor), const Array& numbers) {
  Tape tape;
  return evaluate(op(tape.constant(numbers)));
}

/// `count` numbers from low to high, evenly spaced.
Array grid(double low, double high, Index count, DType dtype) {
  const Array result(Shape{count}, dtype);
  for (Index i = 0; i < count; ++i)
    result.set(i, low + (high - low) * static_cast<double>(i) / static_cast<double>(count - 1));
  return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(elementwise_numbers)

BOOST_AUTO_TEST_CASE(the_square_of_a_norm_is_recognised) {
  Tape tape;
  const Tensor x = tape.input({2}), root = root_of_squares(x), any = safe_sqrt(x);
  BOOST_CHECK(square(root) == x);
  BOOST_CHECK(root * root == x);
  BOOST_CHECK(!(square(any) == x));
  BOOST_CHECK(!(any * any == x));
}

BOOST_AUTO_TEST_CASE(agree_with_the_standard_library) {
  for (const Unary& f : unary_ops())
    for (DType dtype : {DType::f32, DType::f64}) {
      // The error is relative for results above 1 and absolute for smaller ones.
      const double unit = dtype == DType::f32 ? 0x1p-24 : 0x1p-53;
      const Array x = grid(f.low, f.high, 2001, dtype), y = computed(f.op, x);
      double worst = 0, where = 0;
      for (Index i = 0; i < x.elements(); ++i) {
        const double exact = f.exact(x.at(i));
        // For large x, sin and cos are only as exact as x itself.
        const double scale = std::max({1.0, std::abs(exact), std::abs(x.at(i)) / 16});
        const double error = std::abs(y.at(i) - exact) / scale / unit;
        if (!(error <= worst)) worst = error, where = x.at(i);
      }
      BOOST_TEST(worst < f.units,
                 f.name << " " << str(dtype) << ": " << worst << " units at " << where);
    }
}

BOOST_AUTO_TEST_CASE(nan_stays_nan) {
  for (const Unary& f : unary_ops())
    for (DType dtype : {DType::f32, DType::f64})
      for (Index size : {1, 3, 16, 37})
        for (Index at : {Index{0}, size / 2, size - 1}) {
          const Array x = Array::filled({size}, dtype, 0.5);
          x.set(at, std::nan(""));
          const Array y = computed(f.op, x);
          for (Index i = 0; i < size; ++i)
            BOOST_TEST(std::isnan(y.at(i)) == (i == at), f.name << ", NaN at " << at);
        }
}

BOOST_AUTO_TEST_CASE(nan_stays_nan_in_two_inputs) {
  Tensor (*const ops[])(Tensor, Tensor) = {operator+, operator-, operator*, operator/,
                                           maximum,   minimum,   pow};
  for (const auto op : ops)
    for (int slot : {0, 1}) {
      Tape tape;
      const Tensor bad = tape.constant(array_of({0.5, std::nan(""), 2}));
      const Tensor good = tape.constant(array_of({1, 2, 3}));
      const Array y = evaluate(slot == 0 ? op(bad, good) : op(good, bad));
      BOOST_TEST(std::isnan(y.at(1)));
      BOOST_TEST(std::isfinite(y.at(0)));
      BOOST_TEST(std::isfinite(y.at(2)));
    }
}

BOOST_AUTO_TEST_CASE(masks_of_nan) {
  Tape tape;
  const Tensor x = tape.constant(array_of({std::nan(""), 0, 1})),
               zero = 0 * tape.constant(array_of({1, 1, 1}));
  const auto is = [](Tensor mask, std::vector<double> expected) {
    BOOST_CHECK(evaluate(mask).to_vector() == expected);
  };
  is(positive(x), {0, 0, 1});
  is(greater(x, zero), {0, 0, 1});
  is(greater_equal(x, zero), {0, 1, 1});
  is(equal(x, zero), {0, 1, 0});
  is(nonzero(x), {1, 0, 1});
  // A value that is not chosen never affects the result, even if it is NaN.
  is(where(positive(x), x, zero), {0, 0, 1});
}

BOOST_AUTO_TEST_CASE(tails_of_float32_are_finite_and_right) {
  const Array tails = array_of({-100, -90, -50, 50, 90, 100, -1e6, 1e6}, DType::f32);
  for (const Unary& f : unary_ops()) {
    if (!f.activation) continue;
    Tape tape;
    const Tensor x = tape.constant(tails), u = tape.constant(random_array({8}, DType::f32));
    Tensor y = f.op(x);
    const Array numbers = evaluate(y);
    for (Index i = 0; i < tails.elements(); ++i) {
      const double exact = f.exact(tails.at(i));
      BOOST_TEST(std::abs(numbers.at(i) - exact) <= 1e-6 * std::max(1.0, std::abs(exact)),
                 f.name << " of " << tails.at(i) << " is " << numbers.at(i));
    }
    for (int order = 1; order <= 3; ++order) {
      y = grad(y, {x}, u)[0];
      const Array slopes = evaluate(y);
      for (Index i = 0; i < tails.elements(); ++i) {
        BOOST_TEST(std::isfinite(slopes.at(i)),
                   f.name << ", order " << order << " at " << tails.at(i) << ": " << slopes.at(i));
        if (order > 1)
          BOOST_TEST(std::abs(slopes.at(i)) < 1e-6, f.name << ", order " << order << " at "
                                                           << tails.at(i) << ": " << slopes.at(i));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(bits_do_not_depend_on_the_position) {
  for (const Unary& f : unary_ops())
    for (DType dtype : {DType::f32, DType::f64}) {
      const double number = f.low + 0.37 * (f.high - f.low) / 10;
      const Array alone = computed(f.op, Array::filled({1}, dtype, number));
      for (Index size : {2, 15, 16, 17, 67}) {
        const Array y = computed(f.op, Array::filled({size}, dtype, number));
        for (Index i = 0; i < size; ++i)
          BOOST_TEST(same_bits(y.sliced(0, i, 1), alone), f.name << " at " << i << " of " << size);
      }
    }
}

BOOST_AUTO_TEST_CASE(bits_do_not_depend_on_neighbours) {
  const Array x = random_array({203}, DType::f32);
  for (const Unary& f : unary_ops()) {
    if (f.low > -1) continue;
    const Array y = computed(f.op, x);
    for (Index i : {0, 1, 15, 16, 100, 201, 202})
      BOOST_TEST(same_bits(computed(f.op, x.sliced(0, i, 1)), y.sliced(0, i, 1)), f.name);
  }
}

BOOST_AUTO_TEST_CASE(bits_do_not_depend_on_threads) {
  const Array x = random_array({100003}, DType::f32);
  for (const Unary& f : unary_ops())
    if (f.activation)
      BOOST_TEST(same_at_any_thread_count([&] { return computed(f.op, x); }), f.name);
}

BOOST_AUTO_TEST_CASE(empty_and_one_element_shapes) {
  const Shape shapes[] = {{0}, {3, 0}, {0, 2, 5}, {}, {1}, {1, 1, 1}};
  for (const Shape& shape : shapes)
    for (const Unary& f : unary_ops()) {
      Tape tape;
      const Tensor x = tape.constant(Array::filled(shape, DType::f32, 0.5)), y = f.op(x);
      const Tensor g = grad(sum(y * y), {x})[0];
      BOOST_CHECK(evaluate(y).shape() == shape);
      BOOST_CHECK(evaluate(grad(sum(g), {x})[0]).shape() == shape);
      BOOST_TEST(evaluate(sum(y)).item() == (shape.elements() == 0 ? 0 : evaluate(y).at(0)));
    }
}

BOOST_AUTO_TEST_CASE(kinks_have_the_documented_slopes) {
  Tape tape;
  const Tensor x = tape.constant(array_of({-1, 0, 2})), zero = tape.constant(array_of({0, 0, 0}));
  const auto slope = [&](Tensor y, Tensor by) {
    return evaluate(grad(sum(y), {by})[0]).to_vector();
  };
  using Slopes = std::vector<double>;
  BOOST_CHECK(slope(relu(x), x) == (Slopes{0, 0, 1}));
  BOOST_CHECK(slope(leaky_relu(x, 0.25), x) == (Slopes{0.25, 0.25, 1}));
  BOOST_CHECK(slope(abs(x), x) == (Slopes{-1, 0, 1}));
  BOOST_CHECK(slope(maximum(x, zero), x) == (Slopes{0, 0.5, 1}));
  BOOST_CHECK(slope(maximum(x, zero), zero) == (Slopes{1, 0.5, 0}));
  BOOST_CHECK(slope(minimum(x, zero), x) == (Slopes{1, 0.5, 0}));
  BOOST_CHECK(slope(clamp(x, -1, 1), x) == (Slopes{1, 1, 0}));
  BOOST_CHECK(slope(safe_sqrt(square(x)), x) == (Slopes{-1, 0, 1}));
  BOOST_CHECK(slope(pow(x, 0), x) == (Slopes{0, 0, 0}));
}

/// At a = 0, y = 0^b, dy/da = b 0^(b-1), which is 0 for b = 0, and dy/db = 0 rather than 0 times
/// infinity.
BOOST_AUTO_TEST_CASE(powers_of_zero) {
  Tape tape;
  const Tensor a = tape.constant(array_of({0, 0, 0, 0})), b = tape.constant(array_of({0, 1, 2, 3}));
  const Tensor y = pow(a, b);
  const Tensors g = grad(sum(y), {a, b});
  BOOST_CHECK(same_bits(evaluate(y), array_of({1, 0, 0, 0})));
  BOOST_CHECK(same_bits(evaluate(g[0]), array_of({0, 1, 0, 0})));
  BOOST_CHECK(same_bits(evaluate(g[1]), array_of({0, 0, 0, 0})));
}

BOOST_AUTO_TEST_SUITE_END()
