// Tests fusion with every way to broadcast, with shapes of no and of one element, and with values
// that are not finite.
#include <boost/test/unit_test.hpp>

#include "autodiff/derive/grad.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/compare.h"
#include "autodiff/ops/exponential.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/tensors.h"
#include "autodiff/plan/passes/fused_op.h"
#include "tests/ops/helpers.h"
#include "tests/plan/fusion_cases.h"

using namespace twice;
using namespace twice::testing;

BOOST_AUTO_TEST_SUITE(fusion)

BOOST_AUTO_TEST_CASE(every_way_to_broadcast) {
  const auto check = [](const Shape& small, const Shape& large, std::string_view reads) {
    for (DType dtype : {DType::f32, DType::f64}) {
      Tape tape;
      const Tensor x = tape.constant(random_array(large, dtype)),
                   s = tape.constant(random_array(small, dtype, 2));
      const Tensors outputs{tanh(x) * s + 1, x - s};
      BOOST_TEST(complaint(outputs).empty(), str(small) << " to " << str(large));
      const Plan plan({outputs}, fusion_only());
      const std::string formula = plan.program().steps.back().op->attributes();
      BOOST_TEST(formula == fmt::format("sub(x0, {})", reads));
    }
  };
  check({}, {50, 70}, "x1[0]");
  check({1, 1}, {50, 70}, "x1[0]");
  check({70}, {50, 70}, "x1[i % 70]");
  check({3}, {5000, 3}, "x1[i % 3]");
  check({700}, {20, 700}, "x1[i % 700]");
  check({1500}, {9, 1500}, "x1[i % 1500]");
  check({9000}, {3, 9000}, "x1[i % 9000]");
  check({8192}, {2, 8192}, "x1[i % 8192]");
  check({50, 1}, {50, 70}, "x1[i / 70]");
  check({2, 1}, {2, 9000}, "x1[i / 9000]");
  check({5000, 1}, {5000, 2}, "x1[i / 2]");
  check({7, 1}, {40, 7, 60}, "x1[i / 60 % 7]");
  check({1, 7, 1, 1}, {40, 7, 6, 10}, "x1[i / 60 % 7]");
  check({1, 1, 5, 8}, {3, 9, 5, 8}, "x1[i % 40]");
  // An input whose repeated axes lie between kept axes is expanded once.
  for (const Shape& small : {Shape{40, 1, 60}, Shape{4, 1, 3, 1}}) {
    Tape tape;
    const Shape large = small.rank() == 3 ? Shape{40, 7, 60} : Shape{4, 5, 3, 2};
    const Tensor x = tape.constant(random_array(large)),
                 s = tape.constant(random_array(small, DType::f64, 2));
    const Tensors outputs{tanh(x) * s + 1, x - s};
    BOOST_TEST(complaint(outputs).empty());
    BOOST_TEST(step_names(Plan({outputs}, fusion_only()))[0] == "broadcast_to");
  }
}

BOOST_AUTO_TEST_CASE(three_different_rows_at_once) {
  // No block can consist of whole rows of all three shapes.
  Tape tape;
  const Tensor x = tape.constant(random_array({11, 13, 17, 7}, DType::f32));
  Tensor y = x;
  for (const Shape& shape : {Shape{7}, Shape{17, 7}, Shape{13, 17, 7}, Shape{17, 1}, Shape{}})
    y = tanh(y * tape.constant(random_array(shape, DType::f32, 5)));
  BOOST_TEST(complaint({y}).empty());
  BOOST_TEST(step_names(Plan({y}, fusion_only())).size() == 1);
}

BOOST_AUTO_TEST_CASE(empty_and_one_element_shapes) {
  for (const Shape& shape : {Shape{}, Shape{1}, Shape{1, 1}, Shape{0}, Shape{3, 0}, Shape{0, 3}}) {
    Tape tape;
    const Tensor x = tape.constant(random_array(shape)), b = tape.constant(random_array({}));
    const Tensors outputs{relu(tanh(x) * b + 1), x + b};
    BOOST_TEST(complaint(outputs).empty(), str(shape));
  }
}

BOOST_AUTO_TEST_CASE(nan_and_infinity_pass_through) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  Tape tape;
  const Tensor x = tape.constant(array_of({nan, infinity, -infinity, -0.0, 1, 2, 3, 4, nan, 5}));
  const Tensor b = tape.constant(array_of({nan}));
  const Tensors outputs{relu(x + 1), relu(maximum(x, -x) * b), where(x, x * 2, x + b)};
  BOOST_TEST(complaint(outputs).empty());
  Plan plan({outputs});
  plan.run();
  BOOST_TEST(std::isnan(plan.value(outputs[0]).at(0)));
  BOOST_TEST(std::isnan(plan.value(outputs[0]).at(8)));
  BOOST_TEST(plan.value(outputs[0]).at(1) == infinity);
}

BOOST_AUTO_TEST_CASE(the_member_that_is_not_finite_is_named) {
  Tape tape;
  const Tensor x = tape.input({3000}, DType::f64);
  const Tensor root = sqrt(x * x - 1), y = maximum(tanh(root), 0 * x);
  Plan plan{y};
  BOOST_TEST(plan.program().steps.size() == 1);
  const Array numbers = Array::filled({3000}, DType::f64, 2);
  plan.run({{x, numbers}});
  BOOST_TEST(!plan.first_non_finite().has_value());
  numbers.set(2999, 0.5);
  const auto found = plan.first_non_finite();
  BOOST_REQUIRE(found.has_value());
  BOOST_TEST(found->op == "sqrt");
  BOOST_TEST(found->forward_origin == root.index());

  // In the last block, the first member has an infinity, which the next member hides. Another
  // member has an infinity in the first block. The first member must be named.
  const Tensor first = log(x), z = tanh(first) * tanh(exp(1000 * x));
  Plan hidden{z};
  BOOST_TEST(hidden.program().steps.size() == 1);
  const Array others = Array::filled({3000}, DType::f64, 0.5);
  others.set(0, 1);
  others.set(2999, 0);
  hidden.run({{x, others}});
  const auto named = hidden.first_non_finite();
  BOOST_REQUIRE(named.has_value());
  BOOST_TEST(named->op == "log");
  BOOST_TEST(named->forward_origin == first.index());
}

BOOST_AUTO_TEST_SUITE_END()
