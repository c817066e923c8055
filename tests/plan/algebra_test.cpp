// Tests the passes that rewrite products (simplify, accumulate, gram, reassociate) on small graphs.
#include <boost/test/unit_test.hpp>

#include "autodiff/derive/grad.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/conv.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/tensors.h"
#include "autodiff/plan/plan.h"
#include "tests/ops/helpers.h"
#include "tests/plan/algebra_cases.h"

using namespace twice;
using namespace twice::testing;

BOOST_AUTO_TEST_SUITE(planner_algebra)

BOOST_AUTO_TEST_CASE(constants_scalings_and_transposes_fold) {
  Tape tape;
  const Tensor a = leaf(tape, {3, 4}, 1), b = leaf(tape, {3, 5}, 2);
  const Tensor two = tape.constant(2, DType::f64);
  // Nine nodes of constants, scalings, a transpose and sums become one product.
  const Tensor y = matmul(transpose(a), 1.0 * b) + 0.0;
  const Plan plan = checked_plan(Tensors{3 * (y * (two * two) + (two - two))});
  BOOST_TEST(counts(plan).steps == 1);
  BOOST_TEST(plan.program().steps[0].op->name() == "sum_of_products");
  BOOST_TEST(plan.program().steps[0].op->attributes() == "12 A' B");
  // Two transposes cancel. An output that is a parameter is a copy of the parameter.
  const Plan same = checked_plan(Tensors{transpose(transpose(a)), stop_gradient(b)});
  BOOST_TEST(counts(same).steps == 2);
  for (const Step& step : same.program().steps) BOOST_TEST(step.op->name() == "copy");
  const Plan turned =
      checked_plan(Tensors{permute(permute(leaf(tape, {2, 3, 4}, 5), {2, 0, 1}), {2, 0, 1})});
  BOOST_TEST(counts(turned).steps == 1);
}

BOOST_AUTO_TEST_CASE(sums_of_products_accumulate) {
  Tape tape;
  const Tensor a = leaf(tape, {6, 8}, 1), b = leaf(tape, {8, 7}, 2), c = leaf(tape, {6, 9}, 3),
               d = leaf(tape, {9, 7}, 4);
  const Plan plan = checked_plan(Tensors{2 * matmul(a, b) - 3 * matmul(c, d)});
  BOOST_TEST(counts(plan).steps == 1);
  BOOST_TEST(counts(plan).products == 2);
  BOOST_TEST(plan.program().steps[0].op->attributes() == "2 A B + -3 C D");
  // A product that other nodes read too is not computed twice.
  const Tensor shared = matmul(a, b);
  const Plan kept = checked_plan(Tensors{shared + matmul(c, d), tanh(shared)});
  BOOST_TEST(counts(kept).products == 2);
  // The same holds for two products without a factor in common with the third.
  const Tensor both = shared + matmul(c, d);
  const Tensor third = matmul(leaf(tape, {6, 5}, 5), leaf(tape, {5, 7}, 6));
  BOOST_TEST(counts(checked_plan(Tensors{tanh(both), both + third})).products == 3);
}

BOOST_AUTO_TEST_CASE(a_common_factor_saves_a_product) {
  Tape tape;
  const Tensor a = leaf(tape, {6, 8}, 1), b = leaf(tape, {8, 7}, 2), c = leaf(tape, {8, 7}, 3),
               d = leaf(tape, {6, 8}, 4);
  BOOST_TEST(counts(checked_plan(Tensors{matmul(a, b) + 0.5 * matmul(a, c)})).products == 1);
  BOOST_TEST(counts(checked_plan(Tensors{matmul(a, b) - matmul(d, b)})).products == 1);
  BOOST_TEST(counts(checked_plan(Tensors{matmul(a, b) + matmul(d, c)})).products == 2);
  // A factor and its transpose are different factors.
  const Tensor s = leaf(tape, {8, 8}, 5);
  BOOST_TEST(counts(checked_plan(Tensors{matmul(a, s) + matmul(a, s, false, true)})).products == 2);
  // x + x is 2 x, also if x is a product.
  const Tensor p = matmul(a, b);
  const Plan doubled = checked_plan(Tensors{p + p, tanh(p)});
  BOOST_TEST(counts(doubled).products == 1);
}

BOOST_AUTO_TEST_CASE(a_product_adds_itself_to_a_value_that_dies) {
  Tape tape;
  const Tensor a = leaf(tape, {16, 8}, 1), b = leaf(tape, {8, 16}, 2), c = leaf(tape, {16, 4}, 3);
  const Tensor v = matmul(a, b);
  // Only the product that is added to v reads v, so the sum may overwrite v.
  const Tensor y = 0.25 * v + 4 * matmul(c, matmul(tanh(v), c, true), false, true);
  const Plan plan = checked_plan(Tensors{y});
  const Step& last = plan.program().steps.back();
  BOOST_TEST(last.op->attributes() == "4 A B' (small) + 0.25 T");
  const auto offset = [&](int value) {
    return plan.program().values[static_cast<std::size_t>(value)].offset;
  };
  BOOST_TEST(offset(last.output) == offset(last.inputs.back()));
  // Here v is read later and must survive.
  const Plan survives = checked_plan(Tensors{y, square(v), sum(square(v) * y)});
  for (const Step& step : survives.program().steps)
    BOOST_TEST(step.op->attributes().find(" T") == std::string::npos);
  // Here only the sum itself reads v.
  const Plan direct = checked_plan(Tensors{v + matmul(c, matmul(tanh(v), c, true), false, true)});
  BOOST_TEST(direct.program().steps.back().op->attributes() == "A B' (small) + T");
  // A value that is also a factor of the product must not be overwritten.
  const Tensor square_one = matmul(c, c, false, true);
  checked_plan(Tensors{square_one + matmul(square_one, square_one)});
}

BOOST_AUTO_TEST_CASE(convolutions_add_themselves_up) {
  for (const ConvGeometry geometry :
       {ConvGeometry{1, 1, 1, 1}, ConvGeometry{2, 0, 1, 1}, ConvGeometry{2, 1, 2, 2}}) {
    Tape tape;
    const Tensor x = leaf(tape, {2, 7, 7, 4}, 1), z = leaf(tape, {2, 7, 7, 4}, 2),
                 v = leaf(tape, {3, 3, 4 / geometry.groups, 6}, 3),
                 w = leaf(tape, {3, 3, 4 / geometry.groups, 6}, 4), b = leaf(tape, {6}, 5);
    const Tensor y = conv2d(x, v, geometry) + conv2d(z, w, geometry) + b;
    const Plan plan = checked_plan(Tensors{y});
    BOOST_TEST(counts(plan).steps == 2);  // two convolutions in one, and the bias
    BOOST_TEST(counts(plan).products == 2);
    BOOST_TEST(plan.program().steps[0].op->attributes().ends_with(", sum of 2"));
    // A convolution with a kernel of another size is added to the sum in place.
    if (geometry.stride == 1 && geometry.dilation == 1 && geometry.groups == 1) {
      const Tensor k = leaf(tape, {1, 1, 4, 6}, 8), q = leaf(tape, {2, 7, 7, 4}, 9);
      const Tensor third = conv2d(q, k, {1, 0, 1, 1});
      const Plan three =
          checked_plan(Tensors{conv2d(x, v, geometry) + third + conv2d(z, w, geometry)});
      BOOST_TEST(counts(three).steps == 2);
      const Step& last = three.program().steps[1];
      BOOST_TEST(last.op->attributes().ends_with(" + T"));
      const auto offset = [&](int value) {
        return three.program().values[static_cast<std::size_t>(value)].offset;
      };
      BOOST_TEST(offset(last.output) == offset(last.inputs.back()));
    }
    // The first convolution is needed later, so the sum may copy it but not overwrite it.
    const Tensor first = conv2d(x, v, geometry);
    checked_plan(Tensors{first + conv2d(z, w, geometry), first});
    checked_plan(Tensors{first + conv2d(z, w, geometry), tanh(first)});
    // A sum of input gradients.
    const Tensor c = leaf(tape, y.shape(), 6), d = leaf(tape, y.shape(), 7);
    const Tensor gradient =
        conv2d_input_grad(v, c, geometry, x.shape()) + conv2d_input_grad(w, d, geometry, x.shape());
    BOOST_TEST(counts(checked_plan(Tensors{gradient})).steps == 1);
    // Convolutions with different scalings stay apart.
    BOOST_TEST(
        counts(checked_plan(Tensors{2 * conv2d(x, v, geometry) - conv2d(z, w, geometry)})).steps ==
        3);
    // Weight gradients as in `exact`: V + gamma (first + second), where V is read elsewhere too.
    const Tensor u = leaf(tape, v.shape(), 10);
    const Tensor sum = conv2d_weight_grad(x, c, geometry, v.shape()) +
                       conv2d_weight_grad(z, d, geometry, v.shape());
    BOOST_TEST(counts(checked_plan(Tensors{u + 0.5 * sum})).steps == 2);
    BOOST_TEST(counts(checked_plan(Tensors{0.5 * sum})).steps == 2);
  }
}

BOOST_AUTO_TEST_CASE(chains_take_the_cheapest_order) {
  Tape tape;
  const Tensor a = leaf(tape, {40, 3}, 1), b = leaf(tape, {3, 40}, 2), x = leaf(tape, {40, 5}, 3);
  const Tensor v = matmul(a, b);
  for (const Tensor y :
       {matmul(v, x), matmul(v, x, true), matmul(x, v, true, false), matmul(x, v, true, true)}) {
    const Counts planned = counts(checked_plan(Tensors{y}));
    BOOST_TEST(planned.flops == 2 * 2 * 3 * 40 * 5);
    BOOST_TEST(planned.small == 2);
  }
  // A product that is smaller than its factors is kept.
  const Tensor small = matmul(b, a);
  BOOST_TEST(counts(checked_plan(Tensors{matmul(small, leaf(tape, {3, 2}, 6))})).products == 2);
  // A chain of four factors.
  checked_plan(Tensors{matmul(matmul(v, matmul(x, x, false, true)), x)});
  // A scaling within the chain is kept.
  BOOST_TEST(counts(checked_plan(Tensors{matmul(-2 * v, x)})).flops == 2 * 2 * 3 * 40 * 5);
  // V V' contains V twice and is not rewritten.
  BOOST_TEST(counts(checked_plan(Tensors{matmul(v, v, false, true)})).small == 0);
}

BOOST_AUTO_TEST_CASE(a_product_that_is_needed_anyway_counts_as_no_saving) {
  Tape tape;
  const Tensor v = matmul(leaf(tape, {40, 30}, 1), leaf(tape, {30, 40}, 2));
  // v is also an addend.
  BOOST_TEST(counts(checked_plan(Tensors{v + matmul(v, leaf(tape, {40, 40}, 3))})).small == 0);
  // v is also a factor in the other order of the chain: q (v r) for (q v) r.
  const Tensor q = leaf(tape, {10, 40}, 4), r = leaf(tape, {40, 4}, 5);
  BOOST_TEST(counts(checked_plan(Tensors{matmul(matmul(q, v), r)})).flops == 112000);
}

BOOST_AUTO_TEST_CASE(norms_of_products_need_no_product) {
  Tape tape;
  const Tensor a = leaf(tape, {40, 3}, 1), b = leaf(tape, {3, 50}, 2);
  for (const Tensor v : {matmul(a, b), matmul(b, a, true, true), 3 * matmul(a, b)}) {
    const Counts planned = counts(checked_plan(Tensors{sum(square(v))}));
    BOOST_TEST(planned.products == 0);
    BOOST_TEST(planned.small == 2);
    BOOST_TEST(counts(checked_plan(Tensors{sum(v * v)})).products == 0);
    // If the product is also an output, the plan forms it in any case.
    BOOST_TEST(counts(checked_plan(Tensors{sum(square(v)), v})).small == 0);
  }
  // The same for a sum of products.
  const Tensor c = leaf(tape, {2, 40}, 3), d = leaf(tape, {50, 2}, 4);
  const Tensor two = matmul(a, b) - 2 * matmul(c, d, true, true);
  const Counts planned = counts(checked_plan(Tensors{sum(square(two))}));
  BOOST_TEST(planned.products == 0);
  BOOST_TEST(planned.small == 6);
  // The sum over one axis is not a norm.
  checked_plan(Tensors{sum(square(matmul(a, b)), {0})});
}

BOOST_AUTO_TEST_SUITE_END()
