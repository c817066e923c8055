// Tests a planner pass that a program adds: its place in the order, switching it off, and the
// errors for a bad pass.
#include <boost/test/unit_test.hpp>

#include "autodiff/ops/activations.h"
#include "autodiff/ops/exponential.h"
#include "autodiff/plan/passes/rewrite.h"
#include "autodiff/plan/plan.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::testing;

namespace {

/// A mistake that the pass makes on purpose.
enum class Mistake { none, order, shape, empty, outputs } mistake = Mistake::none;

/// Replaces exp(log x) by x.
Graph without_exp_of_log(Graph graph, const PlanOptions&) {
  std::vector<int> instead(graph.nodes.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    GraphNode& node = graph.nodes[i];
    for (int& input : node.inputs) input = instead[static_cast<std::size_t>(input)];
    instead[i] = static_cast<int>(i);
    if (node.name() != "exp") continue;
    const GraphNode& inner = graph.at(node.inputs[0]);
    if (inner.name() == "log") instead[i] = inner.inputs[0];
  }
  for (int& output : graph.outputs) output = instead[static_cast<std::size_t>(output)];
  if (mistake == Mistake::order) graph.nodes.back().inputs[0] = 99;
  if (mistake == Mistake::shape) graph.nodes.back().spec.shape = {7};
  if (mistake == Mistake::empty) graph.nodes.back().op = nullptr;
  if (mistake == Mistake::outputs) graph.outputs.push_back(0);
  return mistake == Mistake::none ? in_order(std::move(graph)) : graph;
}

/// Adds the pass once in the process, because passes cannot be removed.
void add() {
  static const bool added = [] {
    add_pass({"exp-log", "exp of log is nothing", without_exp_of_log});
    return true;
  }();
  BOOST_TEST_REQUIRE(added);
}

std::size_t steps(Tensor y, const PlanOptions& options = {}) {
  return Plan({{y}}, options).program().steps.size();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(own_passes)

BOOST_AUTO_TEST_CASE(it_runs_before_the_named_pass) {
  add();
  Tape tape;
  const Tensor x = tape.input({3}, DType::f64, "x");
  const Tensor y = tanh(exp(log(x)));
  PlanOptions options;
  options.fuse = false;
  BOOST_TEST(steps(y, options) == 1);
  switch_off(options, "exp-log");
  BOOST_TEST(steps(y, options) == 3);
  BOOST_TEST(steps(y, no_passes()) == 3);

  std::vector<std::string> names;
  rewritten(graph_of({y}), {}, [&](const Pass& pass, const Graph&) { names.push_back(pass.name); });
  BOOST_TEST((names.at(names.size() - 2) == "exp-log"));
  BOOST_TEST((names.back() == "fuse"));
  BOOST_TEST(error_of([] {
               add_pass({"exp-log", "", without_exp_of_log});
             }) == "[pass] the pass 'exp-log' exists already");
  BOOST_TEST(error_of([] {
               add_pass({"empty", "", nullptr});
             }) == "[plan] pass 'empty' has no `run`");
  BOOST_TEST(error_of([] {
               add_pass({"late", "", without_exp_of_log}, "fusee");
             }).starts_with("[pass] there is no pass 'fusee'; the passes are "));
}

BOOST_AUTO_TEST_CASE(a_bad_pass_is_named) {
  add();
  Tape tape;
  const Tensor y = tanh(tape.input({3}, DType::f64, "x"));
  const auto complaint = [&](Mistake what) {
    mistake = what;
    const std::string text = error_of([&] { steps(y); });
    mistake = Mistake::none;
    return text;
  };
  BOOST_TEST(complaint(Mistake::order) ==
             "[plan] pass 'exp-log': node 1 (tanh) reads node 99; expected an earlier node "
             "(in_order sorts them)");
  BOOST_TEST(complaint(Mistake::shape) ==
             "[plan] pass 'exp-log': node 1 (tanh) has spec f64 (7), but its op computes f64 (3)");
  BOOST_TEST(complaint(Mistake::empty) ==
             "[plan] pass 'exp-log': node 1 (none) has neither an op nor a leaf");
  BOOST_TEST(complaint(Mistake::outputs) == "[plan] pass 'exp-log': 2 outputs; expected 1");
}

BOOST_AUTO_TEST_SUITE_END()
