// Tests ops on extreme numbers: zero slopes times infinities, norms of zero vectors, scalings
// beyond the range, means of large numbers, and casts. The expected values are the mathematical
// ones. Where there is a choice, they are PyTorch's.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <set>

#include "autodiff/autodiff.h"
#include "experiments/commands/check/op_table.h"
#include "optim/gradient_regularization.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::experiments;
using namespace twice::testing;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

template <class T>
Tensor numbers(Tape& tape, const std::vector<T>& values, Shape shape = {}) {
  if (shape.rank() == 0) shape = {static_cast<Index>(values.size())};
  return tape.parameter(Array::from(values, shape));
}

/// Checks that the values are equal. NaN equals NaN.
void check_equal(const std::vector<double>& found, const std::vector<double>& expected,
                 double tolerance = 0) {
  BOOST_REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    BOOST_TEST(((std::isnan(found[i]) && std::isnan(expected[i])) || found[i] == expected[i] ||
                std::abs(found[i] - expected[i]) <= tolerance * std::abs(expected[i])),
               "entry " << i << ": " << found[i] << ", expected " << expected[i]);
}

std::vector<double> computed(Tensor t, const PlanOptions& options = {}) {
  Plan plan({t}, options);
  plan.run();
  return plan.value(t).to_vector();
}

/// The same with the passes of the planner and without.
void check_equal(Tensor t, const std::vector<double>& expected, double tolerance = 0) {
  check_equal(computed(t, {}), expected, tolerance);
  check_equal(computed(t, no_passes()), expected, tolerance);
}

struct Piecewise {
  const char* name;
  /// At x = (-1, 0.5), f does not depend on the first entry.
  std::function<Tensor(Tensor)> f;
};

const std::vector<Piecewise>& piecewise() {
  static const std::vector<Piecewise> list = {
      {"relu", [](Tensor x) { return relu(x); }},
      {"leaky_relu", [](Tensor x) { return leaky_relu(x, 0); }},
      {"elu", [](Tensor x) { return elu(x, 0); }},
      {"clamp", [](Tensor x) { return clamp(x, 0, 2); }},
      {"maximum", [](Tensor x) { return maximum(x, full_like(x, 0)); }},
      {"maximum, second", [](Tensor x) { return maximum(full_like(x, 0), x); }},
      {"minimum", [](Tensor x) { return -minimum(-x, full_like(x, 0)); }},
      {"where", [](Tensor x) { return where(positive(x), x, full_like(x, 0)); }},
      {"where, second", [](Tensor x) { return where(positive(-x), full_like(x, 0), x); }},
      {"masked", [](Tensor x) { return masked(x, positive(x)); }},
      {"abs", [](Tensor x) { return abs(relu(x)); }},
      {"max",
       [](Tensor x) {
         return max(stack({x, full_like(x, 0)}), {0});
       }},
      {"max_pool2d", [](Tensor x) {
         const Tensor image = reshape(stack({x, full_like(x, 0)}), {1, 2, 1, 2});
         return reshape(max_pool2d(pad(image, {0, 0, 0, 0}, {0, 0, 1, 0}), {2, 2, 0}), {2});
       }}};
  return list;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(numbers_at_the_edges)

BOOST_AUTO_TEST_CASE(a_slope_of_zero_wins_over_infinity) {
  // Each function has an infinite or NaN derivative at 0.
  const std::vector<std::pair<const char*, std::function<Tensor(Tensor)>>> outer = {
      {"sqrt", [](Tensor t) { return sqrt(t); }},
      {"log", [](Tensor t) { return log(t); }},
      {"reciprocal", [](Tensor t) { return reciprocal(t); }},
      {"pow", [](Tensor t) { return pow(t, 0.5); }},
      {"rsqrt", [](Tensor t) { return rsqrt(t); }},
      {"infinite", [](Tensor t) { return t * full_like(t, inf); }},
      {"NaN", [](Tensor t) { return t * full_like(t, std::nan("")); }}};
  for (const Piecewise& p : piecewise())
    for (const auto& [name, f] : outer)
      for (const bool f32 : {false, true}) {
        Tape tape;
        const Tensor x = f32 ? numbers<float>(tape, {-1, 0.5}) : numbers<double>(tape, {-1, 0.5});
        Tensor g = sum(f(p.f(x)));
        const Tensor v = tape.constant(Array::from<float>({1, 0}, {2}).cast(x.dtype()));
        BOOST_TEST_CONTEXT(p.name << ", " << name << (f32 ? ", f32" : ", f64")) {
          BOOST_TEST(computed(push({p.f(x)}, {x}, {v})[0])[0] == 0);
          for (int order = 1; order <= 3; ++order) {
            g = grad(g, {x})[0];
            BOOST_TEST(computed(g)[0] == 0, "order " << order);
            g = g * full_like(g, 1.5);
            g = sum(g);
          }
        }
      }
}

/// The derivatives of sum(y c) by the inputs x of a case of the op table, as numbers.
std::vector<std::vector<double>> slopes(const OpCase& row,
                                        const std::function<Array(const Shape&)>& cotangent) {
  Tape tape;
  Tensors all, x;
  for (const Array& array : row.draw()) {
    all.push_back(tape.constant(array));
    if (is_float(array.dtype())) x.push_back(all.back());
  }
  Tensor total = tape.constant(Array::zeros({}, DType::f64));
  for (const Tensor y : row.function(all))
    if (is_float(y.dtype()))
      total =
          total + cast(sum(y * tape.constant(cotangent(y.shape()).cast(y.dtype()))), DType::f64);
  std::vector<std::vector<double>> result;
  for (const Tensor g : grad(total, x)) result.push_back(computed(g));
  return result;
}

BOOST_AUTO_TEST_CASE(every_function_of_the_table_selects_where_its_slope_is_zero) {
  const auto draw = [](int seed) {
    return [=](const Shape& shape) {
      const Array c(shape, DType::f64);
      fill_uniform(Rng(seed), 0.5, 1.5, c);
      return c;
    };
  };
  std::set<std::string> flat;
  for (const OpSection& section : op_sections())
    for (const OpRow& row : section.rows) {
      // A random mask is a factor, and a product with a zero is a product.
      if (!row.call || row.op == "dropout_mask") continue;
      const OpCase alone{.op = row.function(),
                         .label = "",
                         .inputs = row.inputs,
                         .function = [&](const Tensors& x) { return Tensors(row.call(x)); }};
      const auto first = slopes(alone, draw(1)), second = slopes(alone, draw(2));
      for (const double from_above : {inf, std::nan("")}) {
        const auto found = slopes(alone, [=](const Shape& shape) {
          return Array::filled(shape, DType::f64, from_above);
        });
        for (std::size_t i = 0; i < found.size(); ++i)
          for (std::size_t k = 0; k < found[i].size(); ++k)
            if (first[i][k] == 0 && second[i][k] == 0) {
              flat.insert(alone.op);
              BOOST_TEST(found[i][k] == 0,
                         alone.op << ", input " << i << ", entry " << k << ": " << found[i][k]);
            }
      }
    }
  for (const char* name :
       {"relu", "clamp", "maximum", "minimum", "where", "masked", "gather", "max_pool2d", "slice"})
    BOOST_TEST(flat.contains(name), name);
}

BOOST_AUTO_TEST_CASE(a_dead_unit_does_not_spoil_the_others) {
  Tape tape;
  const Tensor x = numbers<double>(tape, {1, -1, 2}, {3, 1}),
               w = numbers<double>(tape, {2}, {1, 1});
  check_equal(grad(sum(sqrt(relu(matmul(x, w)))), {w})[0], {0.5 * 1 / std::sqrt(2) + 0.5 * 2 / 2},
              1e-15);
}

BOOST_AUTO_TEST_CASE(abs_and_ties_have_pytorchs_slopes) {
  Tape tape;
  const Tensor zero = numbers<double>(tape, {0});
  BOOST_TEST(computed(grad(sum(sqrt(abs(zero))), {zero})[0])[0] == 0);
  for (const auto& f : {maximum, minimum}) {
    const Tensor a = numbers<double>(tape, {inf, 1, -inf, std::nan(""), 2}),
                 b = numbers<double>(tape, {inf, 1, -inf, 1, std::nan("")});
    const Tensors g = grad(sum(f(a, b)), {a, b});
    check_equal(g[0], {0.5, 0.5, 0.5, 1, 1});
    check_equal(g[1], {0.5, 0.5, 0.5, 1, 1});
  }
}

BOOST_AUTO_TEST_CASE(a_norm_of_zero_has_no_wrong_derivative) {
  const double nan = std::nan("");
  for (const bool f32 : {false, true}) {
    Tape tape;
    const Tensor x = f32 ? numbers<float>(tape, {0, 0}) : numbers<double>(tape, {0, 0});
    const Tensors v = tape.constant(Array::from<float>({1, 2}, {2}).cast(x.dtype()));
    const std::vector<std::pair<std::function<Tensor(Tensor)>, double>> cases = {
        // The diagonal of the Hessian. NaN where local rules cannot give the right value.
        {[](Tensor t) { return square(norm(t)); }, 2},
        {[](Tensor t) { return norm(t) * norm(t); }, nan},
        {[](Tensor t) {
           const Tensor n = norm(t);
           return n * n;
         },
         2},
        {[](Tensor t) { return pow(norm(t), 2); }, 2},
        {[](Tensor t) { return exp(-square(norm(t))); }, -2},
        {[](Tensor t) { return cos(norm(t)); }, nan},
        {[](Tensor t) { return norm(t); }, nan}};
    for (const auto& [f, diagonal] : cases) {
      check_equal(grad(f(x), {x})[0], {0, 0});
      const std::vector<double> h = computed(hessian(f(x), {x}));
      BOOST_TEST(((std::isnan(diagonal) && std::isnan(h[0])) || h[0] == diagonal), h[0]);
      const auto all = [&function = f](const Tensors& t) { return function(t[0]); };
      const std::vector<double> expected = {diagonal * 1, diagonal * 2};
      check_equal(hvp(all, x, v, HvpMode::reverse_over_reverse)[0], expected);
      check_equal(hvp(all, x, v, HvpMode::forward_over_reverse)[0], expected);
    }
  }
}

BOOST_AUTO_TEST_CASE(scalings_out_of_range_are_right_where_the_result_is_in_it) {
  Tape tape;
  const Tensor one = numbers<float>(tape, {1e30F}), small = numbers<float>(tape, {1e-38F}),
               tiny = numbers<double>(tape, {1e-310, 0, 1e-309}),
               huge = numbers<double>(tape, {1.5e308, 1});
  check_equal((one * 1e-30) * 1e-30, {1e-30}, 1e-6);
  check_equal(1e30 * (1e30 * small), {1e22}, 1e-6);
  check_equal(numbers<double>(tape, {1e200}) * 1e-200 * 1e-200, {1e-200}, 1e-15);
  check_equal(1e200 * (1e200 * numbers<double>(tape, {1e-300})), {1e100}, 1e-15);
  check_equal(tiny / 1e-310, {1, 0, 10}, 1e-14);
  check_equal(huge / 1.5e308, {1, 1 / 1.5e308}, 1e-14);
  check_equal(one * 1e-50, {1e-20}, 1e-6);
  check_equal(small * 1e60, {1e22}, 1e-6);
  check_equal(one / 1e50, {1e-20}, 1e-6);
  check_equal(small / 1e-60, {1e22}, 1e-6);
  check_equal(one * 1e300, {inf});
  check_equal(one / 0.0, {inf});
  check_equal(numbers<double>(tape, {0, inf, 1}) / inf, {0, std::nan(""), 0});
  check_equal(grad(sum(one * 1e-50), {one})[0], {0});
}

BOOST_AUTO_TEST_CASE(zeros_keep_their_sign) {
  Tape tape;
  const Tensor zero = numbers<double>(tape, {0, -0.0});
  check_equal(reciprocal(-zero), {-inf, inf});
  check_equal(reciprocal(2 * zero), {inf, -inf});
  check_equal(reciprocal(zero * 1.0), {inf, -inf});
}

BOOST_AUTO_TEST_CASE(means_and_variances_survive_large_numbers) {
  const auto check = [](auto zero) {
    using T = decltype(zero);
    Tape tape;
    const auto of = [&](std::vector<T> values, Shape shape) {
      return tape.parameter(Array::from(values, shape));
    };
    // Equal numbers have no deviation.
    const std::vector<T> equal(1000, T(12345.678));
    for (double x : computed(standardize(of(equal, {1000}), {0}))) BOOST_TEST(x == 0);
    for (double x : computed(standardize(of(equal, {100, 10}), {0}))) BOOST_TEST(x == 0);
    BOOST_TEST(computed(variance(of(equal, {1000})))[0] == 0);
    // Whole numbers with mean 1e4 and variance 2, so that the exact result is known.
    std::vector<T> spread;
    for (int i = 0; i < 900; ++i) spread.push_back(T(10000 + i * 7 % 5 - 2));
    const double r = 1 / std::sqrt(2 + 1e-5);
    for (const bool column : {false, true}) {
      const Tensor x = of(spread, column ? Shape{900, 1} : Shape{1, 900});
      const std::vector<double> y = computed(standardize(x, {column ? 0 : 1})),
                                d = computed(center(x, {column ? 0 : 1}));
      for (int i = 0; i < 900; ++i) {
        const double exact = i * 7 % 5 - 2;
        BOOST_TEST(std::abs(y[static_cast<std::size_t>(i)] - exact * r) <= 3e-7 * std::abs(exact));
        BOOST_TEST(d[static_cast<std::size_t>(i)] == exact);
      }
      check_equal(variance(x), {2}, 1e-6);
      // d variance / dx = 2/n (x - mean).
      const std::vector<double> g = computed(grad(variance(x), {x})[0]);
      for (int i = 0; i < 900; ++i)
        BOOST_TEST(std::abs(g[static_cast<std::size_t>(i)] - 2.0 / 900 * (i * 7 % 5 - 2)) <= 1e-8);
    }
    // The squares of these numbers overflow.
    const T large = std::is_same_v<T, float> ? T(1e30) : T(1e200);
    check_equal(standardize(of({large, -large, large, -large}, {1, 4}), {1}), {1, -1, 1, -1}, 1e-6);
    check_equal(standardize(of({large, 1, -large, 3}, {2, 2}), {0}), {1, -1, -1, 1}, 1e-4);
    check_equal(variance(of({large, -large}, {2})), {double(inf)});
    // The result is r (v - mean v - y mean(y v)) with r = 1 / large.
    const Tensor wide = of({large, -large, large, -large}, {4});
    const Tensor v = of({1, 2, 3, 5}, {4});
    check_equal(grad(sum(standardize(wide, {0}) * v), {wide})[0],
                {-1.0 / large, -1.5 / large, 1.0 / large, 1.5 / large}, 1e-6);
    check_equal(push({standardize(wide, {0})}, {wide}, {v})[0],
                {-1.0 / large, -1.5 / large, 1.0 / large, 1.5 / large}, 1e-6);
    const T most = std::numeric_limits<T>::max() / T(1.1);
    const double third = 1 / std::sqrt(3);
    check_equal(standardize(of({most, most, most, -most}, {4}), {0}),
                {third, third, third, -3 * third}, 1e-6);
    // With an infinity or NaN among the inputs, the result is NaN.
    for (const double bad : {inf, std::nan("")})
      for (double x : computed(standardize(of({T(bad), 1, 2}, {3}), {0})))
        BOOST_TEST(std::isnan(x));
  };
  check(float{});
  check(double{});
}

BOOST_AUTO_TEST_CASE(casts_are_linear) {
  Tape tape;
  const Tensor x = numbers<float>(tape, {1.5F, -2.25F}), w = numbers<double>(tape, {3, 1e-10});
  const Tensor y = cast(x, DType::f64) * w;
  BOOST_CHECK(y.dtype() == DType::f64);
  check_equal(y, {4.5, -2.25e-10}, 1e-15);
  const Tensors g = grad(sum(y), {x, w});
  BOOST_CHECK(g[0].dtype() == DType::f32);
  check_equal(g[0], {3, 1e-10}, 1e-7);
  check_equal(g[1], {1.5, -2.25});
  const Tensor t = tape.constant(Array::from<float>({1, 2}, {2}));
  check_equal(push({y}, {x}, {t})[0], {3, 2e-10}, 1e-15);
  // The second derivative passes through both dtypes. A cast to f32 rounds.
  const Tensor z = cast(square(cast(x, DType::f64)), DType::f32);
  check_equal(grad(sum(square(grad(sum(z), {x})[0])), {x})[0], {12, -18});
  check_equal(cast(numbers<double>(tape, {0.1, 1e300}), DType::f32), {double(0.1F), inf});
  BOOST_CHECK(cast(x, DType::f32) == x);
  // Lists with tensors of both dtypes.
  const Tensors both{x, w};
  check_equal(squared_norm(both), {1.5 * 1.5 + 2.25 * 2.25 + 9 + 1e-20}, 1e-15);
  const Tensors scaled = tape.constant(2, DType::f64) * both;
  BOOST_CHECK(scaled[0].dtype() == DType::f32 && scaled[1].dtype() == DType::f64);
  for (const Method& m : methods()) {
    const Estimate e = m(
        [](const Tensors& at) { return sum(square(cast(at[0], DType::f64))) + sum(square(at[1])); },
        both);
    BOOST_CHECK(e.gradient[0].dtype() == DType::f32 && e.gradient[1].dtype() == DType::f64);
    for (Tensor G : e.gradient) BOOST_TEST(std::isfinite(evaluate(G).at(0)), m.name);
  }
}

BOOST_AUTO_TEST_SUITE_END()
