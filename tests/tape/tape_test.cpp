// Tests the tape: stale handles, leaves, errors while recording, phases and origins.
#include "autodiff/tape/tape.h"

#include <boost/test/unit_test.hpp>

#include "autodiff/derive/grad.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/matmul.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::testing;

BOOST_AUTO_TEST_SUITE(tape)

BOOST_AUTO_TEST_CASE(recording_appends_and_computes_nothing) {
  Tape tape;
  const Tensor x = tape.input({2, 3}, DType::f64, "x");
  const Tensor y = tanh(x);
  BOOST_TEST(tape.size() == 2);
  BOOST_TEST(y.index() == 1);
  BOOST_CHECK(tape.node(0).kind == NodeKind::input);
  BOOST_CHECK(tape.node(1).kind == NodeKind::operation);
  BOOST_TEST(tape.name(tape.node(0)) == "x");
  BOOST_TEST(tape.name(tape.node(1)) == "tanh");
  BOOST_CHECK(y.shape() == (Shape{2, 3}));
  BOOST_CHECK(y.dtype() == DType::f64);
  BOOST_TEST(str(y.spec()) == "f64 (2, 3)");
  BOOST_TEST(y.size(-1) == 3);
  BOOST_TEST(error_of([&] { y.size(2); }) ==
             "[tensor] axis 2 does not exist: the input has rank 2");
}

BOOST_AUTO_TEST_CASE(a_constant_copies_a_view_and_keeps_its_numbers) {
  Tape tape;
  const Array numbers = random_array({2, 3});
  const Tensor c = tape.constant(numbers.permuted({1, 0}));
  BOOST_CHECK(c.shape() == (Shape{3, 2}));
  BOOST_CHECK(same_bits(evaluate(c), numbers.permuted({1, 0})));
}

BOOST_AUTO_TEST_CASE(a_parameter_shares_its_numbers) {
  Tape tape;
  const Array numbers = array_of({1, 2});
  const Tensor y = 2 * tape.parameter(numbers, "w");
  BOOST_TEST(evaluate(y).at(1) == 4);
  numbers.set(1, 5);
  BOOST_TEST(evaluate(y).at(1) == 10);
  BOOST_TEST(error_of([&] {
               tape.parameter(random_array({2, 3}).permuted({1, 0}), "w");
             }) ==
             "[parameter] the array of 'w' is not contiguous: an optimiser could not update it");
}

BOOST_AUTO_TEST_CASE(empty_and_stale_handles_throw) {
  Tape tape;
  const Tensor x = tape.input({2});
  const Tensor y = x + 1;
  const Tensor none;
  BOOST_TEST(!none);
  BOOST_TEST(error_of([&] { none.shape(); }) ==
             "[tensor] an empty handle was used; record a value first");
  BOOST_TEST(error_of([&] { x + none; }) ==
             "[add] an input is an empty handle; record a value first");
  BOOST_TEST(error_of([&] { matmul(none, x); }).find("empty handle") != std::string::npos);
  BOOST_TEST(error_of([&] { evaluate(none); }).find("empty handle") != std::string::npos);

  tape.clear();
  BOOST_TEST(tape.size() == 0);
  const std::string says = " stale handle to node 1: its tape was cleared after it was recorded";
  const std::string stale = "[tensor]" + says;
  BOOST_TEST(error_of([&] { y.shape(); }) == stale);
  BOOST_TEST(error_of([&] { tanh(y); }) == "[tanh]" + says);
  BOOST_TEST(error_of([&] { grad(y, {x}); }) == stale);
  BOOST_TEST(error_of([&] { evaluate(y); }) == stale);
  // Nodes that are recorded later do not make an old handle valid again.
  const Tensor first = tape.input({3});
  const Tensor second = first + 1;
  BOOST_TEST(error_of([&] { y + second; }) == "[add]" + says);
}

BOOST_AUTO_TEST_CASE(two_tapes_do_not_mix) {
  Tape one, two;
  const Tensor x = one.input({2, 2}), y = two.input({2, 2});
  BOOST_TEST(error_of([&] { x + y; }) == "[add] its inputs are on two different tapes");
  BOOST_TEST(error_of([&] { matmul(x, y); }) == "[matmul] its inputs are on two different tapes");
  BOOST_TEST(error_of([&] { grad(sum(x), {y}); }) ==
             "[grad] its tensors are on two different tapes");
  BOOST_TEST(error_of([&] {
               Plan plan({x, y});
             }) == "[plan] its outputs are on two different tapes");
  // A refused operation records nothing.
  BOOST_TEST(two.size() == 1);
}

BOOST_AUTO_TEST_CASE(a_refused_operation_leaves_the_tape_unchanged) {
  Tape tape;
  const Tensor a = tape.input({2, 3}), b = tape.input({2, 3});
  BOOST_TEST(!error_of([&] { matmul(a, b); }).empty());
  BOOST_TEST(tape.size() == 2);
  const Tensor c = a * b;
  BOOST_TEST(c.index() == 2);
  const std::span<const int> inputs = tape.inputs_of(tape.node(2));
  BOOST_TEST(inputs.size() == 2);
  BOOST_TEST(inputs[1] == 1);
}

BOOST_AUTO_TEST_CASE(derivatives_have_their_phase_and_forward_node) {
  Tape tape;
  const Tensor x = tape.input({3, 4}, DType::f64), w = tape.input({4, 2}, DType::f64);
  const Tensor product = matmul(x, w), loss = sum(tanh(product));
  const int forward_end = tape.size();
  const Tensor g = grad(loss, {w})[0];
  const int backward_end = tape.size();
  const Tensor second = grad(sum(g * g), {w})[0];
  BOOST_TEST(second.index() + 1 == tape.size());

  for (int i = 0; i < forward_end; ++i) {
    BOOST_CHECK(tape.node(i).phase == Phase::forward);
    BOOST_TEST(tape.node(i).origin == i);
    BOOST_TEST(tape.forward_origin(i) == i);
  }
  int weight_gradients = 0;
  for (int i = forward_end; i < backward_end; ++i) {
    BOOST_CHECK(tape.node(i).phase == Phase::backward);
    BOOST_TEST(tape.forward_origin(i) < forward_end);
    if (tape.name(tape.node(i)) == "matmul") {
      BOOST_TEST(tape.forward_origin(i) == product.index());
      ++weight_gradients;
    }
  }
  BOOST_TEST(weight_gradients == 1);  // no product for x, which is not in the list

  int double_backward = 0;
  for (int i = backward_end; i < tape.size(); ++i)
    if (tape.node(i).phase == Phase::double_backward) {
      ++double_backward;
      if (tape.name(tape.node(i)) == "matmul")
        BOOST_TEST(tape.forward_origin(i) == product.index());
    }
  BOOST_TEST(double_backward > 5);
  BOOST_CHECK(tape.node(second.index()).phase == Phase::double_backward);
  BOOST_TEST(str(Phase::double_backward) == "double backward");
}

BOOST_AUTO_TEST_CASE(a_scope_gives_phase_and_origin_and_ends) {
  Tape tape;
  const Tensor x = tape.input({2});
  {
    const RecordingScope outer(tape, Phase::update);
    BOOST_CHECK(tape.node((x + 1).index()).phase == Phase::update);
    {
      const RecordingScope inner(tape, Phase::backward, x.index());
      const Tensor y = x * 2;
      BOOST_CHECK(tape.node(y.index()).phase == Phase::backward);
      BOOST_TEST(tape.node(y.index()).origin == x.index());
    }
    const Tensor z = x * 3;
    BOOST_CHECK(tape.node(z.index()).phase == Phase::update);
    BOOST_TEST(tape.node(z.index()).origin == z.index());
  }
  BOOST_CHECK(tape.node((x * 4).index()).phase == Phase::forward);
}

BOOST_AUTO_TEST_SUITE_END()
