// Tests dense Jacobians, dense Hessians and the Gauss-Newton product against results by hand,
// finite differences of the gradient, and the terms of the Hessian.
#include "autodiff/derive/dense.h"

#include <boost/test/unit_test.hpp>

#include "autodiff/derive/grad.h"
#include "autodiff/derive/hvp.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/exponential.h"
#include "autodiff/ops/loss.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/slice.h"
#include "autodiff/ops/tensors.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::testing;

namespace {

/// Entry i of a vector, as a tensor of shape (1).
Tensor entry(Tensor x, Index i) { return slice(x, 0, i, i + 1); }

Array matrix(const std::vector<double>& numbers, const Shape& shape) {
  return Array::from(numbers, shape);
}

/// Seven examples with four features each, in three classes.
struct Classes {
  Tape tape;
  Tensor x = tape.constant(random_array({7, 4}, DType::f64, 21));
  Tensor labels = tape.constant(Array::from(std::vector<std::int32_t>{0, 2, 1, 0, 2, 1, 1}, {7}));
};

}  // namespace

BOOST_AUTO_TEST_SUITE(dense_derivatives)

BOOST_AUTO_TEST_CASE(jacobian_of_a_polynomial_map) {
  Tape tape;
  const Tensor x = tape.constant(array_of({2, 3, 5}));
  const Tensor a = entry(x, 0), b = entry(x, 1), c = entry(x, 2);
  // (a b c, a^2 + 4 c, b^3)
  const Array found = evaluate(jacobian({a * b * c, square(a) + 4 * c, b * b * b}, x));
  BOOST_CHECK(same_bits(found, matrix({15, 10, 6, 4, 0, 4, 0, 27, 0}, {3, 3})));
}

BOOST_AUTO_TEST_CASE(entries_are_in_row_major_order_list_after_list) {
  Tape tape;
  const Tensor p = tape.constant(random_array({2, 3})), q = tape.constant(random_array({2}));
  const Array found = evaluate(jacobian({2 * p, 3 * q, sum(p)}, {q, p}));
  BOOST_REQUIRE(found.shape() == (Shape{9, 8}));
  for (Index i = 0; i < 9; ++i)
    for (Index j = 0; j < 8; ++j) {
      double expected = 0;
      if (i < 6) expected = j == i + 2 ? 2 : 0;
      if (i == 6 || i == 7) expected = j == i - 6 ? 3 : 0;
      if (i == 8) expected = j >= 2 ? 1 : 0;
      BOOST_TEST(found.at(i * 8 + j) == expected, "entry " << i << ", " << j);
    }
}

BOOST_AUTO_TEST_CASE(hessian_of_a_polynomial) {
  Tape tape;
  const Tensor x = tape.constant(array_of({2, 3, 5}));
  const Tensor a = entry(x, 0), b = entry(x, 1), c = entry(x, 2);
  const Tensor f = square(a) * b + b * c + 7 * c * c * c;
  BOOST_CHECK(same_bits(evaluate(hessian(f, x)), matrix({6, 4, 0, 4, 0, 1, 0, 1, 210}, {3, 3})));
}

BOOST_AUTO_TEST_CASE(third_derivatives_as_the_jacobian_of_a_hessian) {
  Tape tape;
  const Tensor x = tape.constant(array_of({2, 3}));
  const Tensor f = square(entry(x, 0)) * square(entry(x, 1));  // a^2 b^2
  // Third derivatives: aaa 0, aab 4b, abb 4a, bbb 0.
  const Array found = evaluate(jacobian(hessian(f, x), x));
  BOOST_CHECK(same_bits(found, matrix({0, 12, 12, 8, 12, 8, 8, 0}, {4, 2})));
}

BOOST_AUTO_TEST_CASE(hessian_of_a_net_is_the_derivative_of_its_gradient) {
  Classes m;
  const std::vector<Array> w{random_array({4, 3}, DType::f64, 22),
                             random_array({3}, DType::f64, 23),
                             random_array({3, 3}, DType::f64, 24)};
  const Tensors t{m.tape.parameter(w[0]), m.tape.parameter(w[1]), m.tape.parameter(w[2])};
  const Tensor loss = cross_entropy(matmul(tanh(matmul(m.x, t[0]) + t[1]), t[2]), m.labels);
  const Tensors gradient = grad(loss, t);
  const Array h = evaluate(hessian(loss, t)).clone();
  const Index n = 12 + 3 + 9;
  BOOST_REQUIRE(h.shape() == (Shape{n, n}));

  Plan plan{gradient};
  const auto gradient_now = [&] {
    plan.run();
    std::vector<double> all;
    for (const Array& part : plan.values(gradient))
      for (double number : part.to_vector()) all.push_back(number);
    return all;
  };
  Index column = 0;
  double worst = 0, asymmetry = 0;
  for (const Array& part : w)
    for (Index e = 0; e < part.elements(); ++e, ++column) {
      const double here = part.at(e), step = 0x1p-17;
      part.set(e, here + step);
      const std::vector<double> up = gradient_now();
      part.set(e, here - step);
      const std::vector<double> down = gradient_now();
      part.set(e, here);
      for (Index row = 0; row < n; ++row) {
        const auto at = static_cast<std::size_t>(row);
        const double found = h.at(row * n + column);
        worst = std::max(worst, std::abs(found - (up[at] - down[at]) / (2 * step)));
        asymmetry = std::max(asymmetry, std::abs(found - h.at(column * n + row)));
      }
    }
  BOOST_TEST(worst < 1e-9);
  BOOST_TEST(asymmetry < 1e-14);
}

BOOST_AUTO_TEST_CASE(gauss_newton_is_the_hessian_of_a_linear_model) {
  Classes m;
  const Tensors w{m.tape.parameter(random_array({4, 3}, DType::f64, 25)),
                  m.tape.parameter(random_array({3}, DType::f64, 26))};
  const Tensors v{m.tape.constant(random_array({4, 3}, DType::f64, 27)),
                  m.tape.constant(random_array({3}, DType::f64, 28))};
  const auto logits = [&](const Tensors& at) { return matmul(m.x, at[0]) + at[1]; };
  const Tensor z = logits(w);
  const Tensors found = gauss_newton(z, cross_entropy(z, m.labels), w, v);
  const Tensors exact =
      hvp([&](const Tensors& at) { return cross_entropy(logits(at), m.labels); }, w, v);
  for (std::size_t i = 0; i < w.size(); ++i)
    BOOST_TEST(distance(evaluate(found[i]), evaluate(exact[i])) < 1e-14);
}

BOOST_AUTO_TEST_CASE(the_hessian_has_one_more_term_with_the_activations_second_derivative) {
  // Let z = tanh(s) a with s = x w. The second derivative of z_k with respect to column j of w is
  // a_jk tanh''(s_j) x x'. For a loss l, H v minus the Gauss-Newton product is therefore
  // x' ((dl/dz a') o tanh''(s) o (x v)), with tanh''(s) = -2 y (1 - y^2) and y = tanh(s).
  Classes m;
  const Tensor w = m.tape.parameter(random_array({4, 5}, DType::f64, 29));
  const Tensor v = m.tape.constant(random_array({4, 5}, DType::f64, 30));
  const Tensor a = m.tape.constant(random_array({5, 3}, DType::f64, 31));
  const Tensor h = tanh(matmul(m.x, w)), z = matmul(h, a), l = cross_entropy(z, m.labels);
  const Tensor product = gauss_newton(z, l, w, v)[0];
  const Tensor residual = matmul(grad(l, z)[0], a, false, true);
  const Tensor rest =
      matmul(m.x, residual * (-2 * h * (1 - square(h))) * matmul(m.x, v), true, false);
  const Tensor exact = grad(grad(l, w), w, v)[0];
  BOOST_TEST(distance(evaluate(product + rest), evaluate(exact)) < 1e-14);
  BOOST_TEST(distance(evaluate(product), evaluate(exact)) > 1e-2);
}

BOOST_AUTO_TEST_CASE(gauss_newton_is_symmetric_and_positive) {
  Classes m;
  const Tensors w{m.tape.parameter(random_array({4, 5}, DType::f64, 32)),
                  m.tape.parameter(random_array({5, 3}, DType::f64, 33))};
  const Tensor z = matmul(tanh(matmul(m.x, w[0])), w[1]), l = cross_entropy(z, m.labels);
  const auto random = [&](std::uint64_t seed) {
    return Tensors{m.tape.constant(random_array({4, 5}, DType::f64, seed)),
                   m.tape.constant(random_array({5, 3}, DType::f64, seed + 1))};
  };
  for (std::uint64_t seed : {40, 50, 60}) {
    const Tensors u = random(seed), v = random(seed + 5);
    const Tensors gu = gauss_newton(z, l, w, u), gv = gauss_newton(z, l, w, v);
    BOOST_TEST(std::abs(evaluate(dot(u, gv)).item() - evaluate(dot(v, gu)).item()) < 1e-13);
    BOOST_TEST(evaluate(dot(u, gu)).item() > 0);
  }
}

BOOST_AUTO_TEST_CASE(several_outputs_and_a_loss_of_their_product) {
  // For z = (w, w^2) and the loss l = z_0 z_1, d2l/dz2 = (0 1; 1 0) and J = (1, 2w)'. So the
  // Gauss-Newton matrix is 4 w and the Hessian 6 w.
  Tape tape;
  const Tensor w = tape.constant(3, DType::f64), v = tape.constant(10, DType::f64);
  const Tensors z{affine(w, 1, 0), square(w)};
  BOOST_TEST(evaluate(gauss_newton(z, z[0] * z[1], w, v)[0]).item() == 120);
}

BOOST_AUTO_TEST_CASE(errors_name_the_call) {
  Tape tape;
  const Tensor x = tape.input({2}, DType::f64), none = tape.input({0}, DType::f64);
  BOOST_TEST(error_of([&] { jacobian(none, x); }) ==
             "[jacobian] the 1 output tensors have no entries");
  BOOST_TEST(error_of([&] { jacobian(x, {}); }) == "[jacobian] no variables were given");
  BOOST_TEST(error_of([&] { hessian(2 * x, x); }) ==
             "[grad] y is not a scalar and needs a cotangent: it has shape (2), from affine");
}

BOOST_AUTO_TEST_SUITE_END()
