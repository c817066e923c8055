// Tests plans: repeated runs on new inputs, bindings, outputs, and the search for the first value
// that is not finite.
#include "autodiff/plan/plan.h"

#include <boost/test/unit_test.hpp>
#include <optional>

#include "autodiff/derive/grad.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/exponential.h"
#include "autodiff/ops/loss.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/shape_ops.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::testing;

BOOST_AUTO_TEST_SUITE(plans)

BOOST_AUTO_TEST_CASE(the_same_inputs_give_the_same_bits_again) {
  Tape tape;
  const Tensor x = tape.input({8, 5}, DType::f32), y = tape.labels({8});
  const Tensor w = tape.parameter(random_array({5, 3}, DType::f32), "w");
  const Tensor loss = cross_entropy(matmul(tanh(x), w), y);
  const Tensor g = grad(loss, {w})[0];
  const Array images = random_array({8, 5}, DType::f32, 2),
              others = random_array({8, 5}, DType::f32, 3);
  const Array labels = Array::zeros({8}, DType::i32);

  Plan plan{loss, g};
  plan.run({{x, images}, {y, labels}});
  const Array first = plan.value(g).clone();
  plan.run({{x, others}});  // the labels stay bound
  BOOST_CHECK(!same_bits(plan.value(g), first));
  plan.run({{x, images}});
  BOOST_CHECK(same_bits(plan.value(g), first));
  plan.run();
  BOOST_CHECK(same_bits(plan.value(g), first));

  Plan again{loss, g};
  again.run({{x, images}, {y, labels}});
  BOOST_CHECK(same_bits(again.value(g), first));
}

BOOST_AUTO_TEST_CASE(parameters_and_bound_arrays_are_read_in_place) {
  Tape tape;
  const Array numbers = array_of({1, 2}), bound = array_of({10, 20});
  const Tensor w = tape.parameter(numbers, "w"), x = tape.input({2}, DType::f64);
  const Tensor y = w * x;
  Plan plan{y};
  plan.run({{x, bound}});
  BOOST_TEST(plan.value(y).at(1) == 40);
  numbers.set(1, 3);
  bound.set(1, 100);
  plan.run();
  BOOST_TEST(plan.value(y).at(1) == 300);
}

BOOST_AUTO_TEST_CASE(a_view_may_be_bound) {
  Tape tape;
  const Tensor x = tape.input({3, 2}, DType::f64);
  const Tensor y = 1 * x;
  const Array numbers = random_array({2, 3});
  Plan plan{y};
  plan.run({{x, numbers.permuted({1, 0})}});
  BOOST_CHECK(same_bits(plan.value(y), numbers.permuted({1, 0})));
}

BOOST_AUTO_TEST_CASE(outputs_may_be_leaves_views_and_doubles) {
  Tape tape;
  const Tensor x = tape.input({2, 3}, DType::f64), unused = tape.input({7});
  const Tensor w = tape.parameter(array_of({1, 2}), "w"), c = tape.constant(array_of({5, 6}));
  const Tensor flat = reshape(x, {6}), again = reshape(stop_gradient(flat), {3, 2});
  const Tensor y = x + 1, view = reshape(y, {6});
  const Array numbers = random_array({2, 3});
  Plan plan{x, flat, again, w, c, y, view, y};
  plan.run({{x, numbers}, {unused, Array::zeros({7}, DType::f32)}});
  BOOST_CHECK(same_bits(plan.value(x), numbers));
  BOOST_CHECK(same_bits(plan.value(flat), numbers.reshaped({6})));
  BOOST_CHECK(same_bits(plan.value(again), numbers.reshaped({3, 2})));
  BOOST_TEST(plan.value(w).at(1) == 2);
  BOOST_TEST(plan.value(c).at(0) == 5);
  BOOST_TEST(plan.value(view).at(5) == numbers.at(5) + 1);
  BOOST_TEST(plan.values({y, y}).size() == 2);
  BOOST_TEST(plan.program().outputs.size() == 8);

  // A view follows its input when another array is bound.
  const Array other = random_array({2, 3}, DType::f64, 2);
  plan.run({{x, other}});
  BOOST_CHECK(same_bits(plan.value(again), other.reshaped({3, 2})));
}

BOOST_AUTO_TEST_CASE(an_output_keeps_its_place_to_the_end) {
  Tape tape;
  const Tensor x = tape.input({1000}, DType::f64);
  const Tensor early = x + 1;
  Tensor late = reshape(early, {10, 100});
  for (int i = 0; i < 10; ++i) late = tanh(late);
  Plan plan{early, late};
  const Array numbers = random_array({1000});
  plan.run({{x, numbers}});
  for (Index i = 0; i < 1000; ++i) BOOST_TEST(plan.value(early).at(i) == numbers.at(i) + 1);
}

BOOST_AUTO_TEST_CASE(binding_errors_are_one_clear_line) {
  Tape tape, other;
  const Tensor x = tape.input({2, 3}, DType::f32, "images");
  const Tensor foreign = other.input({2, 3});
  const Tensor w = tape.parameter(Array::zeros({3}, DType::f32), "w");
  const Tensor y = x + w;
  const Array good = Array::zeros({2, 3}, DType::f32);
  Plan plan{y};
  BOOST_TEST(error_of([&] { plan.run(); }) == "[run] input 'images', f32 (2, 3), was never bound");
  BOOST_TEST(error_of([&] { plan.first_non_finite(); }) ==
             "[run] input 'images', f32 (2, 3), was never bound");
  BOOST_TEST(error_of([&] {
               plan.run({{x, Array::zeros({3, 2}, DType::f32)}});
             }) == "[run] input 'images' is f32 (2, 3), but f32 (3, 2) was bound to it");
  BOOST_TEST(error_of([&] {
               plan.run({{x, Array::zeros({2, 3}, DType::f64)}});
             }) == "[run] input 'images' is f32 (2, 3), but f64 (2, 3) was bound to it");
  BOOST_TEST(error_of([&] {
               plan.run({{x, Array()}});
             }) == "[run] input 'images' is f32 (2, 3), but no array was bound to it");
  BOOST_TEST(error_of([&] {
               plan.run({{foreign, good}});
             }) == "[run] a bound input is on another tape than the plan");
  BOOST_TEST(error_of([&] {
               plan.run({{w, Array::zeros({3}, DType::f32)}});
             }) == "[run] node 1 is not an input of the tape: only inputs can be bound");
  BOOST_TEST(!error_of([&] { plan.value(x); }).empty());
  BOOST_TEST(!error_of([&] { Plan none({Tensors{}}); }).empty());
  plan.run({{x, good}});  // the plan still runs after the errors
  BOOST_TEST(plan.value(y).at(0) == 0);
}

BOOST_AUTO_TEST_CASE(a_plan_outlives_its_tape) {
  std::optional<Tape> tape(std::in_place);
  const Tensor x = tape->input({2}, DType::f64);
  const Tensor y = 2 * x + tape->constant(array_of({1, 1}));
  Plan plan{y};
  tape->clear();
  plan.run({{x, array_of({1, 2})}});
  BOOST_TEST(plan.value(y).at(1) == 5);
  tape.reset();
  plan.run({{x, array_of({3, 4})}});
  BOOST_TEST(plan.value(y).at(1) == 9);
  Plan moved = std::move(plan);
  moved.run({{x, array_of({5, 6})}});
  BOOST_TEST(moved.value(y).at(1) == 13);
}

BOOST_AUTO_TEST_CASE(the_first_non_finite_value_is_named) {
  Tape tape;
  const Tensor x = tape.input({3}, DType::f64);
  const Tensor root = sqrt(x), loss = sum(log(root + 1));
  const Tensor g = grad(loss, {x})[0];
  const Tensor gg = grad(sum(square(g)), {x})[0];
  Plan plan{loss, g, gg};
  plan.run({{x, array_of({1, 2, 3})}});
  BOOST_TEST(!plan.first_non_finite().has_value());

  plan.run({{x, array_of({1, -2, 3})}});
  std::optional<NonFinite> found = plan.first_non_finite();
  BOOST_REQUIRE(found.has_value());
  BOOST_TEST(found->op == "sqrt");
  BOOST_CHECK(found->phase == Phase::forward);
  BOOST_TEST(found->forward_op->name() == "sqrt");
  BOOST_TEST(found->forward_origin == root.index());
  BOOST_TEST(
      str(*found) ==
      fmt::format("forward of sqrt (node {}): sqrt produced a NaN or infinite value, shape (3)",
                  root.index()));

  // sqrt(0) is finite, but its slope is not.
  plan.run({{x, array_of({1, 0, 3})}});
  found = plan.first_non_finite();
  BOOST_REQUIRE(found.has_value());
  BOOST_CHECK(found->phase == Phase::backward);
  BOOST_TEST(found->forward_op->name() == "sqrt");
  BOOST_TEST(found->forward_origin == root.index());
}

BOOST_AUTO_TEST_CASE(peak_memory_is_known_before_the_run) {
  Tape tape;
  const Tensor x = tape.input({1024}, DType::f64);
  const Tensor w = tape.parameter(Array::zeros({1024}, DType::f64), "w");
  const Tensor y = tanh(tanh(tanh(tanh(x * w))));
  const Plan plan{y};
  BOOST_TEST(plan.program().leaf_bytes == 2 * 8192);
  BOOST_TEST(plan.peak_bytes() == plan.program().arena_bytes + plan.program().leaf_bytes);
  BOOST_TEST(plan.program().arena_bytes <= 2 * 8192);  // a chain needs space for at most two values
  BOOST_TEST(plan.program().most_alive_bytes <= plan.program().arena_bytes);
}

BOOST_AUTO_TEST_SUITE_END()
