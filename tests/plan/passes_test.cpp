// Tests the passes: the nodes that they must and must not merge or drop, and equal results with
// each pass off.
#include <boost/test/unit_test.hpp>
#include <map>

#include "autodiff/derive/grad.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/conv.h"
#include "autodiff/ops/elementwise.h"
#include "autodiff/ops/loss.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/softmax.h"
#include "autodiff/ops/tensors.h"
#include "autodiff/plan/plan.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::testing;

namespace {

/// An op of a program, with state that its empty attributes do not show.
struct Shift final : Elementwise<Shift, 1> {
  double by;
  explicit Shift(double amount) : by(amount) {}
  std::string_view name() const override { return "shift"; }
  template <class V>
  V eval(V x) const {
    return x + V(static_cast<typename V::value_type>(by));
  }
  Slope slope(int, std::span<const Tensor>, Tensor) const override { return 1; }
};

/// The names of the passes on the command line.
std::vector<std::string> pass_names() {
  std::vector<std::string> names{"reuse-memory", "in-place"};
  for (const Pass& pass : passes())
    if (pass.enabled) names.push_back(pass.name);  // otherwise a pass that another test added
  return names;
}

/// Options with only these passes on.
PlanOptions only(std::initializer_list<bool PlanOptions::*> on) {
  PlanOptions options = no_passes();
  for (auto pass : on) options.*pass = true;
  return options;
}

std::size_t steps(const Tensors& outputs, const PlanOptions& options) {
  return Plan({outputs}, options).program().steps.size();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(planner_passes)

BOOST_AUTO_TEST_CASE(dead_code_is_dropped) {
  Tape tape;
  const Tensor x = tape.constant(random_array({4}));
  Tensor unused = x;
  for (int i = 0; i < 9; ++i) unused = tanh(unused);
  const Tensor y = square(x);
  BOOST_TEST(steps(y, no_passes()) == 10);
  BOOST_TEST(steps(y, only({&PlanOptions::dead_code})) == 1);
}

BOOST_AUTO_TEST_CASE(equal_nodes_are_computed_once) {
  Tape tape;
  const Tensor x = tape.input({4}, DType::f64), y = tape.input({4}, DType::f64);
  const Array a = random_array({4}), b = random_array({4}, DType::f64, 2);
  const PlanOptions cse = only({&PlanOptions::common_subexpressions});
  const Tensors outputs{tanh(x) + 1, square(tanh(x) + 1), tanh(y)};
  BOOST_TEST(steps(outputs, cse) == 4);
  BOOST_TEST(steps(outputs, no_passes()) == 6);
  Plan merged({outputs}, cse), plain({outputs}, no_passes());
  merged.run({{x, a}, {y, b}});
  plain.run({{x, a}, {y, b}});
  for (Tensor t : outputs) BOOST_CHECK(same_bits(merged.value(t), plain.value(t)));
}

BOOST_AUTO_TEST_CASE(attributes_and_order_distinguish_nodes) {
  Tape tape;
  const Tensor x = tape.constant(random_array({2, 2})),
               y = tape.constant(random_array({2, 2}, DType::f64, 2));
  const PlanOptions cse = only({&PlanOptions::common_subexpressions});
  const Tensors outputs{x - y,
                        y - x,
                        2 * x,
                        2.0000000000000004 * x,
                        x + 2,
                        pow(x, 3),
                        pow(x, 4),
                        matmul(x, y),
                        matmul(x, y, true),
                        matmul(x, y, false, true),
                        softmax(x, 0),
                        softmax(x, 1),
                        sum(x, {0}),
                        sum(x, {1}),
                        record(Shift(1), {x}),
                        record(Shift(2), {x})};
  Plan merged({outputs}, cse), plain({outputs}, no_passes());
  merged.run();
  plain.run();
  for (Tensor t : outputs) BOOST_CHECK(same_bits(merged.value(t), plain.value(t)));
  BOOST_TEST(merged.program().steps.size() == plain.program().steps.size());
}

BOOST_AUTO_TEST_CASE(small_constants_merge_by_their_bits) {
  Tape tape;
  const PlanOptions cse = only({&PlanOptions::common_subexpressions});
  const auto leaves = [&](const Tensors& outputs) {
    const Plan plan({outputs}, cse);
    return std::count_if(plan.program().values.begin(), plan.program().values.end(),
                         [](const Value& v) { return v.place == Value::Place::leaf; });
  };
  BOOST_TEST(leaves({tape.constant(1, DType::f64), tape.constant(1, DType::f64)}) == 1);
  tape.clear();
  BOOST_TEST(leaves({tape.constant(1, DType::f64), tape.constant(1, DType::f32),
                     tape.constant(0, DType::f64), tape.constant(-0.0, DType::f64),
                     tape.constant(array_of({1}))}) == 5);
  tape.clear();
  // Equal parameters are not merged, because each may change.
  BOOST_TEST(leaves({tape.parameter(Array::scalar(1, DType::f64), "a"),
                     tape.parameter(Array::scalar(1, DType::f64), "b")}) == 2);
}

BOOST_AUTO_TEST_CASE(every_pass_leaves_the_results_as_they_are) {
  Tape tape;
  const Tensor x = tape.input({16, 12}, DType::f64), labels = tape.labels({16});
  const Tensors w{
      tape.parameter(random_array({12, 20}), "w1"), tape.parameter(random_array({20}), "b1"),
      tape.parameter(random_array({20, 5}), "w2"), tape.parameter(random_array({5}), "b2")};
  const Tensor loss = cross_entropy(matmul(gelu(matmul(x, w[0]) + w[1]), w[2]) + w[3], labels);
  const Tensors g = grad(loss, w), h = grad(g, w, stop_gradient(g)), total = g + 0.1 * h;
  const Array images = random_array({16, 12}, DType::f64, 3), classes(Shape{16}, DType::i32);
  for (Index i = 0; i < 16; ++i) classes.set(i, static_cast<double>(i % 5));

  Plan plain({loss, g, total}, no_passes());
  plain.run({{x, images}, {labels, classes}});
  const auto check = [&](const PlanOptions& options, const std::string& what) {
    Plan plan({loss, g, total}, options);
    plan.run({{x, images}, {labels, classes}});
    for (const Tensors& list : {Tensors(loss), g, total})
      for (Tensor t : list) BOOST_TEST(distance(plan.value(t), plain.value(t)) < 1e-12, what);
  };
  check({}, "all passes");
  for (const std::string& name : pass_names()) {
    PlanOptions without;
    switch_off(without, name);
    check(without, "without " + name);
    PlanOptions alone = no_passes();
    for (const Pass& pass : passes())
      if (pass.enabled && pass.name == name) alone.*pass.enabled = true;
    if (name == "reuse-memory") alone.reuse_memory = true;
    if (name == "in-place") alone.in_place = true;
    check(alone, name + " alone");
  }
}

BOOST_AUTO_TEST_CASE(convolutions_of_many_channels_take_fewer_multiplications) {
  Tape tape;
  const ConvGeometry same{1, 1, 1, 1};
  const Tensor x = tape.constant(random_array({8, 9, 10, 16}, DType::f64, 1)),
               w = tape.parameter(random_array({3, 3, 16, 32}, DType::f64, 2), "w"),
               narrow = tape.parameter(random_array({1, 1, 32, 4}, DType::f64, 3), "narrow");
  const Tensor y = conv2d(x, w, same), loss = sum(square(conv2d(tanh(y), narrow)));
  const Tensors g = grad(loss, {w, x}), h = grad(g, {w, x}, stop_gradient(g));
  const Tensors outputs{loss, g[0], g[1], h[0], h[1]};
  PlanOptions without;
  switch_off(without, "winograd");
  Plan fast({outputs}), direct({outputs}, without);
  fast.run();
  direct.run();
  for (Tensor t : outputs) {
    const Array& exact = direct.value(t);
    const double largest = distance(exact, Array::zeros(exact.shape(), exact.dtype()));
    BOOST_TEST(distance(fast.value(t), exact) < 1e-13 * largest);
  }

  // All convolutions with the 3 x 3 kernel become Winograd's: 3 for the gradient, and 6 for H g in
  // 3 sums. The FLOPs fall.
  std::map<std::string, int> found;
  double flops = 0, before = 0;
  for (const Step& step : fast.program().steps) {
    flops += step.cost.flops;
    if (step.op->attributes().ends_with(", winograd")) ++found[std::string(step.op->name())];
  }
  for (const Step& step : direct.program().steps) {
    before += step.cost.flops;
    BOOST_TEST(!step.op->attributes().ends_with(", winograd"));
  }
  BOOST_TEST(found["conv2d"] == 2);
  BOOST_TEST(found["conv2d_input_grad"] == 2);
  BOOST_TEST(found["conv2d_weight_grad"] == 2);
  BOOST_TEST(flops < 0.55 * before);
}

BOOST_AUTO_TEST_CASE(passes_have_names) {
  for (const Pass& pass : passes()) {
    if (!pass.enabled) continue;
    PlanOptions options;
    BOOST_TEST((options.*pass.enabled));
    switch_off(options, pass.name);
    BOOST_TEST(!(options.*pass.enabled));
    BOOST_TEST(!pass.purpose.empty());
  }
  PlanOptions options;
  const std::string text = error_of([&] { switch_off(options, "dead-coed"); });
  BOOST_TEST(text.starts_with("[plan] unknown pass 'dead-coed'; the passes are "), text);
  for (const std::string& name : pass_names())
    BOOST_TEST(text.find(name) != std::string::npos, text << " lacks " << name);
}

BOOST_AUTO_TEST_SUITE_END()
