// Tests work in place: a step may overwrite an input that no later step reads.
#include <boost/test/unit_test.hpp>

#include "autodiff/derive/grad.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/exponential.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/tensors.h"
#include "tests/ops/helpers.h"
#include "tests/plan/fusion_cases.h"

using namespace twice;
using namespace twice::testing;

namespace {

/// y_i = a_i + b_(n-1-i). The result may overwrite a, but not b.
struct AddReversed final : Op {
  std::string_view name() const override { return "add_reversed"; }
  int input_count() const override { return 2; }
  Spec infer(Specs x) const override { return x[0]; }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    for (Index i = 0; i < y.elements(); ++i) y.set(i, x[0].at(i) + x[1].at(y.elements() - 1 - i));
  }
  bool may_overwrite(int slot) const override { return slot == 0; }
  Tensor vjp(int, std::span<const Tensor>, Tensor, Tensor) const override { return {}; }
  Tensor jvp(int, std::span<const Tensor>, Tensor, Tensor) const override { return {}; }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(work_in_place)

BOOST_AUTO_TEST_CASE(a_chain_needs_one_place) {
  Tape tape;
  const Tensor x = tape.input({1024}, DType::f64);
  const Tensor y = tanh(reshape(tanh(tanh(x)), {32, 32}));
  const auto arena = [&](bool in_place) {
    return Plan({y}, in_place ? in_place_only() : options_with(false, false)).program().arena_bytes;
  };
  BOOST_TEST(arena(true) == 8192);
  BOOST_TEST(arena(false) == 2 * 8192);
}

BOOST_AUTO_TEST_CASE(values_that_are_read_later_are_not_overwritten) {
  Tape tape;
  const Tensor x = tape.input({1024}, DType::f64);
  const Tensor a = tanh(x), view = reshape(a, {32, 32}), b = a * 2, c = view * 3;
  const Array numbers = random_array({1024});
  const Binding inputs[] = {{x, numbers}};
  BOOST_TEST(complaint({b, c}, inputs).empty());
  BOOST_TEST(complaint({a, b}, inputs).empty());
  BOOST_TEST(complaint({view, b}, inputs).empty());
  // Leaves stay unchanged.
  const Array before = numbers.clone();
  Plan plan{tanh(x)};
  plan.run(inputs);
  BOOST_CHECK(same_bits(numbers, before));
}

BOOST_AUTO_TEST_CASE(only_slots_that_allow_it_are_overwritten) {
  Tape tape;
  const Tensor x = tape.input({64}, DType::f64);
  const Tensor a = tanh(x), b = relu(x);
  const PlanOptions options = in_place_only();
  const auto place = [](const Plan& plan, std::size_t step) {
    return plan.program()
        .values[static_cast<std::size_t>(plan.program().steps[step].output)]
        .offset;
  };
  const Tensor y = record<AddReversed>({a, b});
  const Plan over_first({y}, options);
  BOOST_TEST(place(over_first, 2) == place(over_first, 0));
  const Array numbers = random_array({64});
  const Binding inputs[] = {{x, numbers}};
  BOOST_TEST(complaint({y}, inputs).empty());

  // With the same value in both slots, the op still reads it after writing the first number.
  const Tensor both = record<AddReversed>({a, a});
  const Plan apart({both}, options);
  BOOST_TEST(place(apart, 1) != place(apart, 0));
  BOOST_TEST(complaint({both}, inputs).empty());
  const Tensor through_a_view = record<AddReversed>({a, stop_gradient(a)});
  BOOST_TEST(complaint({through_a_view}, inputs).empty());
}

BOOST_AUTO_TEST_CASE(a_smaller_value_is_not_overwritten) {
  Tape tape;
  const Tensor x = tape.input({64, 1}, DType::f64);
  const Tensor column = tanh(x), y = exp(broadcast_to(column, {64, 64}));
  const Array numbers = random_array({64, 1});
  const Binding inputs[] = {{x, numbers}};
  BOOST_TEST(complaint({y}, inputs).empty());
  BOOST_TEST(Plan{y}.program().arena_bytes >= 64 * 8 + 64 * 64 * 8);
}

BOOST_AUTO_TEST_SUITE_END()
