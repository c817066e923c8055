// Tests products of hostile factors: gradients that cancel, chains and norms whose inner products
// leave the dtype's range, scalings outside the range, and sums of many products.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "autodiff/autodiff.h"
#include "tests/ops/helpers.h"
#include "tests/plan/algebra_cases.h"

using namespace twice;
using namespace twice::testing;

namespace {

Tensor filled(Tape& tape, const Shape& shape, double value, DType dtype = DType::f32) {
  return tape.parameter(Array::filled(shape, dtype, value));
}

/// Checks the ratio, because Boost takes a tolerance as absolute for a comparison with 0.
void close(double found, double right) {
  BOOST_TEST(found / right == 1, boost::test_tools::tolerance(1e-5));
}

double planned(Tensor y) {
  Plan plan{y};
  plan.run();
  return plan.value(y).at(0);
}

/// Exact GR of a network of `depth` layers with one shared weight. The plain gradient is no output.
Tensors shared_weight(Tape& tape, int depth, Index batch, Index width, Tensors& g) {
  const Tensor w = leaf(tape, {width, width}, 1);
  Tensor h = leaf(tape, {batch, width}, 2);
  for (int i = 0; i < depth; ++i) h = matmul(i == 0 ? h : tanh(h), w);
  const Tensor loss = sum(softplus(h));
  g = grad(loss, {w});
  return g + 0.1 * grad(g, {w}, stop_gradient(g));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(products_at_the_edges)

BOOST_AUTO_TEST_CASE(the_norm_of_a_gradient_that_cancels_has_its_digits) {
  constexpr Index n = 64, c = 32;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Tape tape;
    const Array row = random_array({1, n}, DType::f32, 3 * seed + 1),
                weights = random_array({n, c}, DType::f32, 3 * seed + 2),
                gap = random_array({2, c}, DType::f32, 3 * seed + 3);
    const Tensor x = tape.parameter(row.broadcast({4, n}).clone()), w = tape.parameter(weights);
    const Array center = evaluate(matmul(tape.parameter(row), w));
    Array targets(Shape{4, c}, DType::f32);
    for (Index i = 0; i < 4; ++i)
      for (Index j = 0; j < c; ++j)
        targets.set(i * c + j, center.at(j) + (i % 2 == 0 ? 1 : -1) * gap.at(i / 2 * c + j));
    const Tensor loss = sum(square(matmul(x, w) - tape.parameter(targets)));
    const Tensor g = grad(loss, {w})[0], length = norm(g);
    double squares = 0;
    for (double number : evaluate(g).to_vector()) squares += number * number;
    Plan plan{length};
    plan.run();
    BOOST_TEST(
        std::abs(plan.value(length).item() - std::sqrt(squares)) <= 1e-4 * std::sqrt(squares),
        "seed " << seed << ": " << plan.value(length).item() << ", " << std::sqrt(squares));
  }
}

BOOST_AUTO_TEST_CASE(scalings_of_factors_stay_in_range) {
  Tape tape;
  close(planned(matmul(filled(tape, {1, 2}, 2e22) / 1e22, filled(tape, {2, 1}, 2e22) / 1e22)), 8);
  close(planned(matmul(1e22 * filled(tape, {1, 2}, 2e-22), 1e22 * filled(tape, {2, 1}, 2e-22))), 8);
  close(planned(matmul(1e200 * filled(tape, {1, 2}, 2e-200, DType::f64),
                       1e200 * filled(tape, {2, 1}, 2e-200, DType::f64))),
        8);
  const Tensor a = filled(tape, {3, 3}, 1e25), b = filled(tape, {3, 3}, 1e-30);
  close(planned(1e-25 * matmul(a, b) + 1e-5 * matmul(a, 1e-5 * b)), 3e-30 + 3e-15);
  // The ratio or the product of two scalings is outside the range of f32.
  const Tensor row = filled(tape, {1, 3}, 1), column = filled(tape, {3, 1}, 1);
  close(planned(1e-12 * matmul(row, column) + 1e12 * matmul(row, filled(tape, {3, 1}, 1e15))),
        3e27);
  close(planned(1e12 * (1e36 * matmul(filled(tape, {1, 2}, 1e-18), filled(tape, {2, 1}, 1e-18)))),
        2e12);
}

BOOST_AUTO_TEST_CASE(chains_keep_their_range) {
  for (const bool left : {false, true})
    for (const auto& [a_is, d_is] : {std::pair{1e20, 1e-20}, {1e-22, 1e21}, {1e3, 1e-3}}) {
      Tape tape;
      constexpr Index batch = 4, width = 32;
      const Tensor a = filled(tape, {batch, width}, a_is), d = filled(tape, {batch, width}, d_is);
      const Tensor v = matmul(a, d, true);
      // a (a' d) = (a a') d and (a' d)' a' = d' (a a').
      const Tensor y = left ? matmul(v, a, true, true) : matmul(a, v);
      Plan plan{y};
      BOOST_TEST(counts(plan).small == 2);
      plan.run();
      const double right = batch * width * a_is * a_is * d_is;
      close(plan.value(y).at(0), right);
      const Tensor other = left ? matmul(d, v, false, true) : matmul(v, d, false, true);
      Plan second{other};
      second.run();
      close(second.value(other).at(0), batch * width * d_is * d_is * a_is);
    }
}

BOOST_AUTO_TEST_CASE(norms_keep_their_range_and_their_infinities) {
  Tape tape;
  const Tensor a = filled(tape, {4, 64}, 1e12), d = filled(tape, {4, 64}, 1e-24);
  const Tensor y = sum(square(matmul(a, d, true)));
  close(planned(y), 64.0 * 64 * 16 * 1e-24);
  // The sum of inner products would be infinite without its scaling.
  const Tensor large = filled(tape, {4, 64}, 0x1p300, DType::f64);
  close(planned(sum(square(0x1p-200 * matmul(large, large, true)))), 64 * 64 * 16 * 0x1p800);
  // Two products almost cancel.
  const Tensor one = filled(tape, {4, 64}, 1), less = filled(tape, {4, 64}, 1 - 0x1p-10);
  close(planned(sum(
            square(matmul(one, filled(tape, {4, 64}, 1), true) - matmul(a / 1e12, less, true)))),
        64 * 64 * 16 * 0x1p-20);
  for (const double bad : {std::nan(""), double(INFINITY)}) {
    const Array numbers = random_array({4, 64}, DType::f32);
    numbers.set(70, bad);
    const Tensor b = tape.parameter(numbers), z = sum(square(matmul(b, d, true)));
    Plan plan{z};
    BOOST_TEST(counts(plan).small == 2);
    plan.run();
    BOOST_TEST(!std::isfinite(plan.value(z).item()));
  }
}

BOOST_AUTO_TEST_CASE(any_number_of_products_adds_up_in_one_step) {
  for (const int count : {9, 17, 40}) {
    Tape tape;
    Tensor pairs, products;
    for (int i = 0; i < count; ++i) {
      const auto seed = static_cast<std::uint64_t>(10 * i);
      const Tensor a = leaf(tape, {6, 5}, seed + 1), b = leaf(tape, {5, 7}, seed + 2),
                   c = leaf(tape, {5, 7}, seed + 3);
      const Tensor product = matmul(a, b), pair = product + 0.5 * matmul(a, c);
      products = products ? products + product : product;
      pairs = pairs ? pairs - pair : pair;
    }
    const Counts one = counts(checked_plan(Tensors{products}));
    BOOST_TEST(one.steps == 1);
    BOOST_TEST(one.products == count);
    BOOST_TEST(counts(checked_plan(Tensors{pairs})).products == count);
    // The plan contains no unused step.
    PlanOptions options;
    options.fuse = false;
    const Plan plan({products}, options);
    BOOST_TEST(counts(plan).steps == 1);
  }
}

BOOST_AUTO_TEST_CASE(one_weight_in_many_layers_keeps_the_law) {
  for (const int depth : {8, 12}) {
    Tape tape;
    Tensors g;
    const Tensors exact = shared_weight(tape, depth, 2, 256, g);
    BOOST_TEST(counts(checked_plan(exact, 1e-11)).products == 6 * depth - 4);
  }
  // With such a large batch other orders do not pay, and the plan keeps the recorded products.
  Tape tape;
  Tensors g;
  const Tensors exact = shared_weight(tape, 8, 64, 32, g);
  BOOST_TEST(counts(checked_plan(exact, 1e-11)).products == 9 * 8 - 5);
}

BOOST_AUTO_TEST_SUITE_END()
