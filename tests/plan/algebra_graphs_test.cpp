// Tests the passes that rewrite products together: the number of products in the gradient of a
// penalised MLP, and that the passes keep the values of random graphs.
#include <boost/test/unit_test.hpp>

#include "autodiff/derive/grad.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/tensors.h"
#include "autodiff/plan/plan.h"
#include "tests/ops/helpers.h"
#include "tests/plan/algebra_cases.h"

using namespace twice;
using namespace twice::testing;

namespace {

/// A tanh MLP without biases, and g + 0.1 H g for it. `sizes` is {inputs, widths..., outputs}.
struct Mlp {
  Tape tape;
  Tensors w;
  Tensor output, loss;
  Tensors g;
  Mlp(const std::vector<Index>& sizes, Index batch) {
    Tensor h = leaf(tape, {batch, sizes[0]}, 1);
    for (std::size_t i = 0; i + 1 < sizes.size(); ++i) {
      w.push_back(leaf(tape, {sizes[i], sizes[i + 1]}, 10 + i));
      h = matmul(i == 0 ? h : tanh(h), w.back());
    }
    // With the squared error, the cotangent would be the last product itself, and the planner would
    // shorten further chains.
    output = h;
    loss = sum(softplus(h));
    g = grad(loss, w);
  }
  Tensors exact() const { return g + 0.1 * grad(g, w, stop_gradient(g)); }
  Tensors penalty() const { return grad(loss + 0.05 * squared_norm(g), w); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(planner_algebra)

BOOST_AUTO_TEST_CASE(exact_takes_6L_minus_4_products) {
  for (Index depth = 1; depth <= 7; ++depth)
    for (const Index batch : {2, 7, 15}) {
      std::vector<Index> sizes(static_cast<std::size_t>(depth), 32);
      sizes[0] = 40;
      sizes.push_back(10);
      Mlp mlp(sizes, batch);
      BOOST_TEST(counts(checked_plan(mlp.exact(), 1e-12)).products == 6 * depth - 4,
                 "depth " << depth << ", batch " << batch);
      // The penalty as written needs the same number.
      BOOST_TEST(counts(checked_plan(mlp.penalty(), 1e-12)).products == 6 * depth - 4,
                 "penalty, depth " << depth << ", batch " << batch);
      // The norm of the gradient as an additional output needs no product.
      Tensors with_norm = mlp.exact();
      with_norm.push_back(squared_norm(mlp.g));
      BOOST_TEST(counts(checked_plan(with_norm, 1e-12)).products == 6 * depth - 4);
    }
}

// With a squared error, the cotangent is the last product, scaled. So this product is a factor of
// further products.
BOOST_AUTO_TEST_CASE(a_narrow_forward_product_counts_in_full) {
  for (Index depth = 2; depth <= 5; ++depth) {
    std::vector<Index> sizes(static_cast<std::size_t>(depth), 64);
    sizes.push_back(10);
    Mlp mlp(sizes, 16);
    const Tensor loss = mean(square(mlp.output));
    const Tensors g = grad(loss, mlp.w);
    const Counts planned = counts(checked_plan(g + 0.1 * grad(g, mlp.w, stop_gradient(g)), 1e-12));
    BOOST_TEST(planned.products + planned.small >= 6 * depth - 4);
    BOOST_TEST(planned.products == 6 * depth - 4);
  }
}

BOOST_AUTO_TEST_CASE(large_batches_keep_the_recorded_products) {
  for (Index depth = 2; depth <= 5; ++depth) {
    std::vector<Index> sizes(static_cast<std::size_t>(depth) + 1, 16);
    Mlp mlp(sizes, 64);
    const Counts planned = counts(checked_plan(mlp.exact(), 1e-12));
    BOOST_TEST(planned.products == 9 * depth - 5);
    BOOST_TEST(planned.small == 0);
  }
}

BOOST_AUTO_TEST_CASE(a_gradient_that_is_read_is_formed_once) {
  Mlp mlp({40, 32, 32, 10}, 4);
  Tensors both = mlp.g;
  for (Tensor t : mlp.exact()) both.push_back(t);
  // The three weight gradients are formed as outputs. The chains that contain them still take the
  // cheap order.
  BOOST_TEST(counts(checked_plan(both, 1e-12)).products <= 6 * 3 - 4 + 3);
}

BOOST_AUTO_TEST_CASE(random_graphs_of_matrices_keep_their_values) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    Choices choices(seed);
    const auto below = [&](std::size_t n) { return choices.below(n); };
    Tape tape;
    constexpr Index sides[] = {2, 5, 9};
    Tensors w, values;
    for (int i = 0; i < 4; ++i)
      w.push_back(leaf(tape, {sides[below(3)], sides[below(3)]}, 100 * seed + i));
    values = w;
    for (int step = 0; step < 14; ++step) {
      const Tensor x = choices.recent(values);
      const bool ta = below(2) != 0, tb = below(2) != 0;
      Tensor y;
      switch (below(8)) {
        case 0:
        case 1:
        case 2:
        case 3:
          if (const Tensor b = choices.factor(x, ta, tb, values)) y = 0.3 * matmul(x, b, ta, tb);
          break;
        case 4:
          if (const Tensor b = choices.like(x, values)) y = ta ? x + b : x - 0.5 * b;
          break;
        case 5:
          y = transpose(x);
          break;
        case 6:
          y = ta ? tanh(x) : -2 * x + 0.0;
          break;
        default:
          if (const Tensor b = choices.like(x, values)) y = x * b;
      }
      if (y) values.push_back(y);
    }
    const Tensor loss = 0.01 * (sum(square(values.back())) + sum(values[values.size() / 2]));
    const Tensors g = grad(loss, w), h = grad(g, w, stop_gradient(g));
    Tensors outputs = g + 0.1 * h;
    outputs.push_back(squared_norm(g));
    if (seed % 3 == 0) outputs.push_back(values[values.size() - 2]);
    BOOST_TEST_CONTEXT("seed " << seed) { checked_plan(outputs, 1e-10); }
  }
}

BOOST_AUTO_TEST_SUITE_END()
