// Tests the backward sweep: accumulation, unused variables, cotangents, intermediate variables,
// several outputs, and exact derivatives of derivatives.
#include "autodiff/derive/grad.h"

#include <boost/test/unit_test.hpp>

#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/index.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/tensors.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::testing;

namespace {

/// The sum of a vector, with derivative rules that return a wrong shape.
struct WrongRule final : Op {
  std::string_view name() const override { return "wrong_rule"; }
  int input_count() const override { return 1; }
  Spec infer(Specs x) const override { return {{1}, x[0].dtype}; }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    y.set(0, x[0].at(0) + x[0].at(1));
  }
  Tensor vjp(int, std::span<const Tensor>, Tensor, Tensor cotangent) const override {
    return cotangent;
  }
  Tensor jvp(int, std::span<const Tensor>, Tensor, Tensor tangent) const override {
    return tangent;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(backward_sweep)

BOOST_AUTO_TEST_CASE(cotangents_of_all_uses_add_up) {
  Tape tape;
  const Tensor x = tape.constant(3, DType::f64);
  // x has several uses, and one op has x as both inputs.
  const Tensor y = x * x + 5 * x + x / x;
  BOOST_TEST(evaluate(grad(y, {x})[0]).item() == 11);
  // Every node uses the one before twice. There are 2^20 paths, but each node is visited once.
  Tensor z = x;
  for (int i = 0; i < 20; ++i) z = z + z;
  const int before = tape.size();
  BOOST_TEST(evaluate(grad(z, {x})[0]).item() == 1 << 20);
  BOOST_TEST(tape.size() - before < 50);
}

BOOST_AUTO_TEST_CASE(an_unused_variable_has_zeros_or_is_an_error) {
  Tape tape;
  const Tensor x = tape.constant(random_array({2})), other = tape.parameter(random_array({3}), "w");
  const Tensor y = sum(x * x);
  const Tensor later = tape.input({4}, DType::f64);  // recorded after y
  const Tensors g = grad(y, {x, other, later});
  BOOST_CHECK(same_bits(evaluate(g[1]), Array::zeros({3}, DType::f64)));
  BOOST_CHECK(same_bits(evaluate(g[2]), Array::zeros({4}, DType::f64)));
  BOOST_TEST(error_of([&] {
               grad(y, {x, other}, {}, Unused::error);
             }) == "[grad] the result does not depend on variable 1 ('w', f64 (3))");
  BOOST_TEST(error_of([&] { grad(y, {x}, {}, Unused::error); }).empty());
  // A path through ops whose derivative is defined as zero is no dependence either.
  const Tensors cut = grad(sum(stop_gradient(x) + positive(x)), {x});
  BOOST_CHECK(same_bits(evaluate(cut[0]), Array::zeros({2}, DType::f64)));
}

BOOST_AUTO_TEST_CASE(missing_cotangents_are_named) {
  Tape tape;
  const Tensor x = tape.input({2, 3}, DType::f64);
  BOOST_TEST(error_of([&] { grad(x * x, {x}); }) ==
             "[grad] y is not a scalar and needs a cotangent: it has shape (2, 3), from mul");
  BOOST_TEST(error_of([&] {
               grad(x * x, {x}, tape.input({3, 2}, DType::f64));
             }) == "[grad] cotangent 0 is f64 (3, 2) but its tensor is f64 (2, 3)");
  BOOST_TEST(error_of([&] { grad(sum(x), {x}, tape.constant(1, DType::f32)); }) ==
             "[grad] cotangent 0 is f32 () but its tensor is f64 ()");
  BOOST_TEST(error_of([&] { grad(argmax(x, 1), {x}); }) ==
             "[grad] i32 (2) is not differentiable; expected f32 or f64");
  BOOST_TEST(error_of([&] { grad(Tensors{}, {x}, Tensors{}); }) ==
             "[grad] nothing to differentiate was given");
  BOOST_TEST(error_of([&] {
               grad(Tensors{sum(x), sum(x)}, {x}, Tensors{x});
             }) == "[grad] expected 2 cotangents, one for each tensor; 1 were given");
  // A tensor of one element is a scalar, whatever its rank.
  BOOST_TEST(error_of([&] { grad(sum(x, {0, 1}, true), {x}); }).empty());
}

BOOST_AUTO_TEST_CASE(a_cotangent_weighs_the_outputs) {
  Tape tape;
  const Array numbers = random_array({2, 3}), weights = random_array({2, 3}, DType::f64, 2);
  const Tensor x = tape.constant(numbers);
  const Array g = evaluate(grad(x * x, {x}, tape.constant(weights))[0]);
  for (Index i = 0; i < 6; ++i)
    BOOST_TEST(g.at(i) == 2 * numbers.at(i) * weights.at(i), boost::test_tools::tolerance(1e-15));
}

BOOST_AUTO_TEST_CASE(several_outputs_at_once) {
  Tape tape;
  const Tensor x = tape.constant(array_of({1, 2})), u = tape.constant(array_of({10, 100}));
  const Tensor v = tape.constant(7, DType::f64);
  // One output is computed from another, and one output is given twice.
  const Tensor y = x * x, s = sum(y);
  const Array g = evaluate(grad({y, s, y}, {x}, {u, v, u})[0]);
  BOOST_TEST(g.at(0) == 2 * 1 * (10 + 7 + 10));
  BOOST_TEST(g.at(1) == 2 * 2 * (100 + 7 + 100));
}

BOOST_AUTO_TEST_CASE(variables_may_be_intermediate) {
  Tape tape;
  const Tensor x = tape.constant(2, DType::f64);
  const Tensor h = x * x, y = h * h * x;
  const Tensors g = grad(y, {h, x, y});
  BOOST_TEST(evaluate(g[0]).item() == 2 * 4 * 2);  // dy/dh = 2 h x
  BOOST_TEST(evaluate(g[1]).item() == 5 * 16);     // dy/dx = 5 x^4, through h too
  BOOST_TEST(evaluate(g[2]).item() == 1);          // dy/dy
  BOOST_TEST(error_of([&] {
               grad(y, {x, h, x});
             }) ==
             "[grad] variables 0 and 2 are the same tensor ('constant', f64 ()): list it once");
}

BOOST_AUTO_TEST_CASE(a_polynomial_to_any_order_exactly) {
  Tape tape;
  const Tensor x = tape.constant(3, DType::f64);
  // y = x^4 - 2 x^3 + x has the derivatives 4 x^3 - 6 x^2 + 1, 12 x^2 - 12 x, 24 x - 12, 24, 0.
  Tensor y = x * x * x * x - 2 * (x * x * x) + x;
  const double expected[] = {55, 72, 60, 24, 0, 0};
  for (double derivative : expected) {
    y = grad(y, {x})[0];
    BOOST_TEST(evaluate(y).item() == derivative);
  }
  Tensor z = pow(x, 4) - 2 * pow(x, 3) + x;
  for (double derivative : expected) {
    z = grad(z, {x})[0];
    BOOST_TEST(evaluate(z).item() == derivative, boost::test_tools::tolerance(1e-13));
  }
}

BOOST_AUTO_TEST_CASE(the_hessian_of_a_quadratic_form) {
  Tape tape;
  const Array matrix = random_array({3, 3});
  const Tensor a = tape.constant(matrix), x = tape.constant(random_array({3, 1}, DType::f64, 2));
  const Tensor y = sum(x * matmul(a, x));
  const Tensor g = grad(y, {x})[0];
  for (Index row = 0; row < 3; ++row) {
    const Array unit = Array::zeros({3, 1}, DType::f64);
    unit.set(row, 1);
    const Array h = evaluate(grad(g, {x}, tape.constant(unit))[0]);
    for (Index column = 0; column < 3; ++column)
      BOOST_TEST(h.at(column) == matrix.at(3 * row + column) + matrix.at(3 * column + row),
                 boost::test_tools::tolerance(1e-13));
  }
}

BOOST_AUTO_TEST_CASE(only_nodes_on_the_path_are_recorded) {
  Tape tape;
  const Tensor x = tape.input({2, 2}, DType::f64), w = tape.input({2, 2}, DType::f64);
  Tensor h = x;
  for (int i = 0; i < 50; ++i) h = tanh(h);  // does not depend on w
  const Tensor y = sum(h * w);
  const int before = tape.size();
  grad(y, {w});
  BOOST_TEST(tape.size() - before < 12);
  // Nothing is recorded for the nodes after y either.
  for (int i = 0; i < 50; ++i) tanh(w);
  const int later = tape.size();
  grad(y, {w});
  BOOST_TEST(tape.size() - later < 12);
}

BOOST_AUTO_TEST_CASE(lists_have_arithmetic) {
  Tape tape;
  const Tensors a{tape.constant(array_of({1, 2})), tape.constant(3, DType::f64)};
  const Tensors b{tape.constant(array_of({10, 20})), tape.constant(30, DType::f64)};
  BOOST_TEST(evaluate((a + b)[0]).at(1) == 22);
  BOOST_TEST(evaluate((b - a)[1]).item() == 27);
  BOOST_TEST(evaluate((0.5 * a)[0]).at(0) == 0.5);
  BOOST_TEST(evaluate((a / 2)[1]).item() == 1.5);
  BOOST_TEST(evaluate((a[1] * b)[0]).at(0) == 30);
  BOOST_TEST(evaluate(dot(a, b)).item() == 10 + 40 + 90);
  BOOST_TEST(evaluate(squared_norm(a)).item() == 14);
  BOOST_TEST(error_of([&] { a + Tensors(b[0]); }) ==
             "[add] lists of 2 and 1 tensors do not pair up");
  BOOST_TEST(!error_of([&] { dot(Tensors{}, Tensors{}); }).empty());
}

BOOST_AUTO_TEST_CASE(a_rule_with_a_wrong_shape_is_named) {
  Tape tape;
  const Tensor x = tape.parameter(random_array({2}), "x");
  const Tensor y = record(WrongRule(), {x});
  BOOST_TEST(error_of([&] { grad(sum(y), {x}); }) ==
             "[wrong_rule] its vjp for input 0 is f64 (1); expected f64 (2)");
  BOOST_TEST(error_of([&] { push(Tensors{y}, {x}, {x}); }) ==
             "[wrong_rule] its jvp for input 0 is f64 (2); expected f64 (1)");
}

BOOST_AUTO_TEST_SUITE_END()
