// Tests graphs of extreme shape: a million nodes in a row, values with very many users, and nodes
// with very many inputs. Nothing may recurse. Work and memory must grow with the number of nodes,
// not with the number of paths.
#include <boost/test/unit_test.hpp>

#include "autodiff/derive/grad.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/concat.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/trigonometric.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::testing;

namespace {

// The number of links in the long chain. With the gradient, each link is three nodes. The chain is
// shorter under AddressSanitizer, which takes ten times the time and memory.
#if defined(TWICE_ADDRESS_SANITIZER)
constexpr int long_chain = 50000;
#else
constexpr int long_chain = 333334;
#endif

}  // namespace

BOOST_AUTO_TEST_SUITE(chains)

BOOST_AUTO_TEST_CASE(a_million_nodes_in_a_row) {
  const Threads one(1);
  Tape tape;
  const Tensor x = tape.input({1}, DType::f64);
  Tensor y = x;
  for (int i = 0; i < long_chain; ++i) y = tanh(y);
  const Tensor g = grad(y, {x})[0];
  // A link is tanh, and sech2 and mul in the backward sweep.
  BOOST_TEST(tape.size() >= 3 * long_chain);
  BOOST_TEST(tape.size() < 3 * long_chain + 10);
  Plan plan{y, g};
  plan.run({{x, array_of({0.5})}});

  double value = 0.5, slope = 1;
  for (int i = 0; i < long_chain; ++i) {
    value = std::tanh(value);
    slope *= 1 - value * value;
  }
  BOOST_TEST(plan.value(y).item() == value, boost::test_tools::tolerance(1e-10));
  BOOST_TEST(plan.value(g).item() == slope, boost::test_tools::tolerance(1e-8));
  // The backward sweep needs the input of every tanh and little else.
  BOOST_TEST(plan.program().arena_bytes < 64 * (static_cast<std::size_t>(long_chain) + 100));
}

/// Repeats y -> (sin y + tanh y) / 2. There are 2^length paths, but only a few nodes in each link.
BOOST_AUTO_TEST_CASE(a_chain_of_diamonds) {
  const int length = 1000;
  Tape tape;
  const Tensor x = tape.input({1}, DType::f64);
  Tensor y = x;
  for (int i = 0; i < length; ++i) y = 0.5 * (sin(y) + tanh(y));
  const Tensor g = grad(y, {x})[0], h = grad(g, {x})[0];
  BOOST_TEST(tape.size() < 100 * length);
  Plan plan{y, g, h};
  plan.run({{x, array_of({1.1})}});

  // The chain rule in forward order gives the value and the first and second derivatives.
  double v = 1.1, dv = 1, ddv = 0;
  for (int i = 0; i < length; ++i) {
    const double t = std::tanh(v), s = std::sin(v);
    const double slope = 0.5 * (std::cos(v) + 1 - t * t), curve = 0.5 * (-s - 2 * t * (1 - t * t));
    ddv = curve * dv * dv + slope * ddv;
    dv *= slope;
    v = 0.5 * (s + t);
  }
  BOOST_TEST(plan.value(y).item() == v, boost::test_tools::tolerance(1e-10));
  BOOST_TEST(plan.value(g).item() == dv, boost::test_tools::tolerance(1e-10));
  BOOST_TEST(plan.value(h).item() == ddv, boost::test_tools::tolerance(1e-10));
}

BOOST_AUTO_TEST_CASE(one_value_with_100000_users) {
  const int users = 100000;
  Tape tape;
  const Tensor x = tape.input({1}, DType::f64);
  Tensor sum = 0 * x;
  double expected = 0;
  for (int i = 1; i <= users; ++i) {
    sum = sum + affine(x, 1.0 / i, i);
    expected += 1.0 / i;
  }
  const Tensor g = grad(square(sum), {x})[0], h = grad(g, {x})[0];
  Plan plan{h};
  plan.run({{x, array_of({0.3})}});
  BOOST_TEST(plan.value(h).item() == 2 * expected * expected, boost::test_tools::tolerance(1e-10));
}

BOOST_AUTO_TEST_CASE(one_node_with_2000_inputs) {
  const int count = 2000;
  Tape tape;
  const Tensor x = tape.input({1}, DType::f64);
  Tensors parts;
  double expected = 0;
  for (int i = 1; i <= count; ++i) {
    parts.push_back(affine(x, i, 0));
    expected += 3.0 * i * i * i * 0.25;
  }
  const Tensor all = concat(parts, 0);
  const Tensor g = grad(sum(all * square(all)), {x})[0];
  Plan plan{g};
  plan.run({{x, array_of({0.5})}});
  BOOST_TEST(plan.value(g).item() == expected, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(more_inputs_than_a_node_can_have_are_refused) {
  Tape tape;
  const Tensor x = tape.input({1}, DType::f64);
  Tensors parts;
  for (int i = 0; i < 65536; ++i) parts.push_back(x);
  BOOST_TEST(error_of([&] { concat(parts, 0); }) ==
             "[concat] 65536 inputs were given; at most 65535 are possible");
}

BOOST_AUTO_TEST_SUITE_END()
