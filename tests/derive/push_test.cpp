// Tests the forward sweep and the three ways to compute a Hessian-vector product.
#include <boost/test/unit_test.hpp>

#include "autodiff/derive/grad.h"
#include "autodiff/derive/hvp.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/loss.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/shape_ops.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::testing;

namespace {

/// An MLP with tanh on 5 examples, as a function of its three parameters.
struct Model {
  Tape tape;
  Tensor x = tape.constant(random_array({5, 4}, DType::f64, 11));
  Tensor labels = tape.constant(Array::from(std::vector<std::int32_t>{0, 2, 1, 0, 2}, {5}));
  Tensors w{tape.parameter(random_array({4, 6}, DType::f64, 12)),
            tape.parameter(random_array({6}, DType::f64, 13)),
            tape.parameter(random_array({6, 3}, DType::f64, 14))};
  Tensors v{tape.constant(random_array({4, 6}, DType::f64, 15)),
            tape.constant(random_array({6}, DType::f64, 16)),
            tape.constant(random_array({6, 3}, DType::f64, 17))};

  Tensor loss(const Tensors& at) {
    return cross_entropy(matmul(tanh(matmul(x, at[0]) + at[1]), at[2]), labels);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(forward_sweep)

BOOST_AUTO_TEST_CASE(tangents_of_a_polynomial) {
  Tape tape;
  const Tensor x = tape.constant(3, DType::f64), t = tape.constant(2, DType::f64);
  const Tensor y = x * x * x;
  const Tensor first = push({y}, {x}, {t})[0];       // 3 x^2 t
  const Tensor second = push({first}, {x}, {t})[0];  // 6 x t^2
  const Tensor third = push({second}, {x}, {t})[0];  // 6 t^3
  BOOST_TEST(evaluate(first).item() == 54);
  BOOST_TEST(evaluate(second).item() == 72);
  BOOST_TEST(evaluate(third).item() == 48);
  BOOST_TEST(evaluate(push({third}, {x}, {t})[0]).item() == 0);
}

BOOST_AUTO_TEST_CASE(the_tape_lists_what_each_sweep_found) {
  using Pairs = std::vector<std::pair<int, int>>;
  Tape tape;
  const Tensor x = tape.constant(3, DType::f64), y = x * x;
  const Tensor seed = tape.constant(1, DType::f64);
  const int before = tape.size();
  const Tensor g = grad(Tensors(y), {x}, {seed})[0];
  const int between = tape.size();
  const Tensor t = push({y}, {x}, {g})[0];
  BOOST_TEST(tape.sweeps().size() == 2u);
  const Sweep &backward = tape.sweeps()[0], &forward = tape.sweeps()[1];
  BOOST_TEST((!backward.forward && backward.first == before && backward.end == between));
  BOOST_CHECK(backward.derivatives == (Pairs{{seed.index(), y.index()}, {g.index(), x.index()}}));
  BOOST_TEST((forward.forward && forward.first == between && forward.end == tape.size()));
  BOOST_CHECK(forward.derivatives == (Pairs{{t.index(), y.index()}}));
  tape.clear();
  BOOST_TEST(tape.sweeps().empty());
}

BOOST_AUTO_TEST_CASE(tangents_of_all_inputs_add_up) {
  Tape tape;
  const Tensor a = tape.constant(2, DType::f64), b = tape.constant(5, DType::f64);
  const Tensor ta = tape.constant(10, DType::f64), tb = tape.constant(100, DType::f64);
  const Tensors y = push({a * b, a + a, b - a}, {a, b}, {ta, tb});
  BOOST_TEST(evaluate(y[0]).item() == 5 * 10 + 2 * 100);
  BOOST_TEST(evaluate(y[1]).item() == 20);
  BOOST_TEST(evaluate(y[2]).item() == 90);
}

BOOST_AUTO_TEST_CASE(independent_outputs_have_zero_tangents) {
  Tape tape;
  const Tensor a = tape.constant(random_array({3})), b = tape.constant(random_array({2}));
  const Tensor t = tape.constant(random_array({2}, DType::f64, 2));
  const Tensors y = push({a * a, stop_gradient(b)}, {b}, {t});
  BOOST_CHECK(same_bits(evaluate(y[0]), Array::zeros({3}, DType::f64)));
  BOOST_CHECK(same_bits(evaluate(y[1]), Array::zeros({2}, DType::f64)));
}

BOOST_AUTO_TEST_CASE(a_variable_computed_from_another_moves_with_it) {
  Tape tape;
  const Tensor a = tape.constant(2, DType::f64), b = 3 * a;
  const Tensor ta = tape.constant(10, DType::f64), tb = tape.constant(100, DType::f64);
  // The tangent of b is 3 ta, plus tb if b is a variable too.
  BOOST_TEST(evaluate(push({b + a}, {a}, {ta})[0]).item() == 40);
  BOOST_TEST(evaluate(push({b + a}, {a, b}, {ta, tb})[0]).item() == 140);
  BOOST_TEST(error_of([&] {
               push({b}, {a, a}, {ta, ta});
             }) ==
             "[push] variables 0 and 1 are the same tensor ('constant', f64 ()): list it once");
}

BOOST_AUTO_TEST_CASE(the_output_may_be_the_variable) {
  Tape tape;
  const Tensor x = tape.constant(random_array({3})), t = tape.constant(random_array({3}));
  BOOST_CHECK(same_bits(evaluate(push({x}, {x}, {t})[0]), evaluate(t)));
}

BOOST_AUTO_TEST_CASE(only_nodes_on_the_path_are_recorded) {
  Tape tape;
  const Tensor x = tape.input({2}, DType::f64), t = tape.input({2}, DType::f64);
  Tensor aside = x;
  for (int i = 0; i < 50; ++i) aside = tanh(aside);  // depends on x, but y does not need it
  const Tensor y = sum(x * x);
  const int before = tape.size();
  push({y}, {x}, {t});
  BOOST_TEST(tape.size() - before < 10);
}

BOOST_AUTO_TEST_CASE(errors_name_the_pair) {
  Tape tape;
  const Tensor x = tape.input({2}, DType::f64), t = tape.input({3}, DType::f64);
  BOOST_TEST(error_of([&] { push({x}, {x}, {t}); }) ==
             "[push] tangent 0 is f64 (3) but its tensor is f64 (2)");
  BOOST_TEST(error_of([&] { push({x}, {x}, {}); }) ==
             "[push] expected 1 tangents, one for each tensor; 0 were given");
}

BOOST_AUTO_TEST_CASE(jacobian_and_transpose_agree_on_a_model) {
  Model m;
  const Tensor y = matmul(tanh(matmul(m.x, m.w[0]) + m.w[1]), m.w[2]);
  const Tensor u = m.tape.constant(random_array({5, 3}, DType::f64, 20));
  const Tensor forward = sum(push({y}, m.w, m.v)[0] * u);
  const Tensors g = grad(y, m.w, u);
  double backward = 0;
  for (std::size_t i = 0; i < g.size(); ++i) backward += evaluate(sum(g[i] * m.v[i])).item();
  BOOST_TEST(evaluate(forward).item() == backward, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(three_ways_to_a_hessian_vector_product) {
  Model m;
  const ScalarFunction loss = [&](const Tensors& at) { return m.loss(at); };
  const Tensors reverse = hvp(loss, m.w, m.v);
  const Tensors forward = hvp(loss, m.w, m.v, HvpMode::forward_over_reverse);
  const Tensors finite = hvp(loss, m.w, m.v, HvpMode::finite_difference, 1e-4);
  const Tensors coarse = hvp(loss, m.w, m.v, HvpMode::finite_difference, 1e-2);
  for (std::size_t i = 0; i < reverse.size(); ++i) {
    const Array exact = evaluate(reverse[i]);
    BOOST_TEST(distance(evaluate(forward[i]), exact) < 1e-13);
    const double fine_error = distance(evaluate(finite[i]), exact);
    const double coarse_error = distance(evaluate(coarse[i]), exact);
    BOOST_TEST(fine_error < 1e-7);
    // The error is O(eps^2): it grows ten thousandfold with a step a hundred times as large.
    BOOST_TEST(coarse_error > 1000 * fine_error);
    BOOST_TEST(coarse_error < 1e-2);
  }
  BOOST_TEST(error_of([&] { hvp(loss, m.w, m.v, HvpMode::finite_difference, 0); }) ==
             "[hvp] eps must be > 0, was 0");
}

BOOST_AUTO_TEST_CASE(the_vector_of_a_product_may_depend_on_the_parameters) {
  // H g is the derivative of |g|^2/2. In <g, v> the vector v must be held fixed.
  Model m;
  const ScalarFunction loss = [&](const Tensors& at) { return m.loss(at); };
  const Tensors g = grad(m.loss(m.w), m.w);
  Tensor half_norm = 0.5 * sum(square(g[0]));
  for (std::size_t i = 1; i < g.size(); ++i) half_norm = half_norm + 0.5 * sum(square(g[i]));
  const Tensors expected = grad(half_norm, m.w);
  for (HvpMode mode : {HvpMode::reverse_over_reverse, HvpMode::forward_over_reverse}) {
    const Tensors found = hvp(loss, m.w, g, mode);
    for (std::size_t i = 0; i < g.size(); ++i)
      BOOST_TEST(distance(evaluate(found[i]), evaluate(expected[i])) < 1e-13);
  }
}

BOOST_AUTO_TEST_SUITE_END()
