// Tests elementwise fusion: the steps that become one, and the limits of fusion.
#include <boost/test/unit_test.hpp>

#include "autodiff/derive/grad.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/compare.h"
#include "autodiff/ops/exponential.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/tensors.h"
#include "autodiff/plan/passes/fused_op.h"
#include "tests/allocation_counter.h"
#include "tests/ops/helpers.h"
#include "tests/plan/fusion_cases.h"

using namespace twice;
using namespace twice::testing;

BOOST_AUTO_TEST_SUITE(fusion)

BOOST_AUTO_TEST_CASE(bias_and_activation_are_one_step_after_the_product) {
  Tape tape;
  Tensor h = tape.input({16, 24});
  for (Index layer = 0; layer < 3; ++layer) {
    const Tensor w = tape.parameter(random_array({24, 24}, DType::f32), "w"),
                 b = tape.parameter(random_array({24}, DType::f32), "b");
    h = relu(matmul(h, w) + b);
  }
  const Plan plan({h}, fusion_only());
  BOOST_TEST(step_names(plan) == (std::vector<std::string>{"matmul", "fused", "matmul", "fused",
                                                           "matmul", "fused"}),
             boost::test_tools::per_element());
  const Step& step = plan.program().steps[1];
  BOOST_TEST(step.op->attributes() == "relu(add(x0, x1[i % 24]))");
  // The FLOPs are a sum and a maximum for each number. The bytes are those of the product read, the
  // result written and the small bias read.
  BOOST_TEST(step.cost.flops == 2 * 16 * 24);
  BOOST_TEST(step.cost.bytes == 4 * (2 * 16 * 24 + 24));
  // The step works in place, so the arena holds only a layer's input and its output.
  BOOST_TEST(plan.program().arena_bytes == 2 * 4 * 16 * 24);
}

BOOST_AUTO_TEST_CASE(a_mask_is_computed_where_it_is_used) {
  Tape tape;
  const Tensor x = tape.input({64, 32}, DType::f64);
  const Tensors w{tape.parameter(random_array({32, 32}), "w1"),
                  tape.parameter(random_array({32, 32}), "w2"),
                  tape.parameter(random_array({32, 4}), "w3")};
  const Tensor loss = mean(matmul(leaky_relu(matmul(leaky_relu(matmul(x, w[0])), w[1])), w[2]));
  const Tensors g = grad(loss, w), hg = grad(g, w, stop_gradient(g));
  const Tensors all = g + hg;
  const Plan plan({all}, fusion_only()), apart({all}, in_place_only());
  const auto masks = [](const Plan& p) {
    const std::vector<std::string> names = step_names(p);
    return std::count(names.begin(), names.end(), "positive");
  };
  BOOST_TEST(masks(apart) == 2);
  BOOST_TEST(masks(plan) == 0);
}

BOOST_AUTO_TEST_CASE(large_groups_are_cut) {
  Tape tape;
  const Tensor x = tape.input({40, 30}, DType::f64);
  Tensor chain = x, rows = x;
  for (int i = 0; i < 100; ++i) chain = tanh(chain) + x;
  for (std::uint64_t i = 0; i < 40; ++i)
    rows = rows + x * tape.constant(random_array({30}, DType::f64, i));
  const Array numbers = random_array({40, 30});
  const Binding inputs[] = {{x, numbers}};
  BOOST_TEST(complaint({chain, rows}, inputs).empty());
  const Plan plan({chain, rows}, fusion_only());
  std::size_t members = 0;
  for (const Step& step : plan.program().steps) {
    const auto* fused = dynamic_cast<const FusedElementwise*>(step.op.get());
    BOOST_REQUIRE(fused);
    BOOST_TEST(fused->buffers() <= FusedElementwise::most_buffers);
    members += fused->members().size();
  }
  BOOST_TEST(members == 200 + 80);
  BOOST_TEST(plan.program().steps.size() > 7);
  BOOST_TEST(plan.program().steps.size() < 25);
}

BOOST_AUTO_TEST_CASE(fusion_does_not_hold_many_values_past_a_product) {
  // If the product `early` were fused into y, both its factors would stay alive until then.
  // Computed early, it needs half the memory.
  Tape tape;
  const Tensor x = tape.input({64, 64}, DType::f64);
  const Tensor w = tape.parameter(random_array({64, 64}), "w");
  const Tensor early = matmul(x, w) * matmul(w, x);
  Tensor late = x;
  for (int i = 0; i < 3; ++i) late = matmul(late, w);
  const Tensor y = early * late;
  const Array numbers = random_array({64, 64});
  const Binding inputs[] = {{x, numbers}};
  BOOST_TEST(complaint({y}, inputs).empty());
  BOOST_TEST(Plan({y}, fusion_only()).program().arena_bytes <= 3 * 64 * 64 * 8);
}

BOOST_AUTO_TEST_CASE(values_that_stay_alive_may_be_read_late) {
  Tape tape;
  const Tensor x = tape.input({64, 64}, DType::f64);
  const Tensor w = tape.parameter(random_array({64, 64}), "w");
  const Tensor a = matmul(x, w), b = matmul(w, x), early = a * b;
  Tensor late = x;
  for (int i = 0; i < 3; ++i) late = matmul(w, late);
  const Tensor y = tanh(early * late), z = y * a * b;
  BOOST_TEST(
      step_names(Plan({y, z}, fusion_only())) ==
          (std::vector<std::string>{"matmul", "matmul", "matmul", "matmul", "fused", "fused"}),
      boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(running_allocates_nothing) {
  Tape tape;
  const Tensor x = tape.input({100, 200}), row = tape.input({200}), column = tape.input({100, 1});
  const Tensor y = gelu(x * row + column) * 2;
  for (int count : {1, 2}) {
    const Threads scope(count);
    Plan plan{y};
    plan.run({{x, random_array({100, 200}, DType::f32)},
              {row, random_array({200}, DType::f32)},
              {column, random_array({100, 1}, DType::f32)}});
    const std::size_t before = allocations();
    plan.run();
    const std::size_t after = allocations();
    BOOST_TEST(after == before);
    BOOST_TEST(plan.program().steps.size() == 1);
  }
}

BOOST_AUTO_TEST_CASE(formulas_name_values_that_are_used_twice) {
  Tape tape;
  const Tensor x = tape.input({8}, DType::f64);
  const Tensor t = tanh(x), y = t * (1 - t);
  BOOST_TEST(Plan({y}, fusion_only()).program().steps[0].op->attributes() ==
             "t0 = tanh(x0); mul(t0, affine[-1 x + 1](t0))");
}

BOOST_AUTO_TEST_CASE(a_fused_op_is_not_differentiable) {
  const Spec spec{{4}, DType::f64};
  Tape tape;
  const Tensor x = tape.input({4}, DType::f64), y = tanh(x) * 2;
  const auto op = Plan({y}, fusion_only()).program().steps[0].op;
  BOOST_TEST(op->name() == "fused");
  BOOST_TEST(!error_of([&] { op->vjp(0, std::vector{x}, y, y); }).empty());
  BOOST_TEST(!error_of([&] { op->jvp(0, std::vector{x}, y, x); }).empty());
  BOOST_CHECK(op->infer(std::vector{spec}) == spec);
  BOOST_TEST(!error_of([&] { op->infer(std::vector{Spec{{5}, DType::f64}}); }).empty());
}

BOOST_AUTO_TEST_SUITE_END()
