// Tests random graphs of 5 to 60 ops. Compares derivatives to third order with finite differences
// of the engine's derivatives of one order lower, the forward sweep with the backward sweep, and
// planned with unplanned values.
#include "experiments/commands/check/random_graphs.h"

#include <boost/test/unit_test.hpp>
#include <set>

#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/elementwise.h"
#include "autodiff/ops/power.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::experiments;
using namespace twice::testing;

namespace {

/// A description of the first error in a graph. Empty if there is none.
std::string complaint(const RandomGraph& graph) {
  const Threads one(1);  // on such small arrays more threads would only wait for each other
  const std::vector<Array> inputs = graph.inputs();
  Tape tape;
  Tensors x;
  for (const Array& input : inputs) x.push_back(tape.constant(input));
  const Tensors y = graph.function()(x);
  Plan planned({y}), unplanned({y}, no_passes());
  planned.run();
  unplanned.run();
  for (Tensor t : y) {
    if (!same_bits(planned.value(t), unplanned.value(t)))
      return "the planner changed the value of node " + std::to_string(t.index());
    for (double number : planned.value(t).to_vector())
      if (!std::isfinite(number)) return "a value is not finite";
  }
  CheckOptions options;
  options.entries = 1;
  options.seed = graph.seed;
  for (const CheckResult& result : check_derivatives(graph.function(), inputs, options))
    if (!result.ok) return str(result);
  return {};
}

bool fails(const RandomGraph& graph) { return !complaint(graph).empty(); }

/// y = x^2 with a slope that is 1 % too large: 2.02 x.
struct NearlySquare final : Elementwise<NearlySquare, 1> {
  std::string_view name() const override { return "nearly_square"; }
  template <class V>
  V eval(V x) const {
    return x * x;
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override { return 2.02 * x[0]; }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(random_graphs)

BOOST_AUTO_TEST_CASE(derivatives_of_random_graphs) {
  std::set<std::string> seen;
  int smallest = 60, largest = 0, failed = 0;
#if defined(TWICE_ADDRESS_SANITIZER)
  constexpr std::uint64_t graphs = 40;  // each takes a second with this sanitizer
#else
  constexpr std::uint64_t graphs = 300;
#endif
  for (std::uint64_t seed = 1; seed <= graphs && failed < 3; ++seed) {
    const RandomGraph graph = random_graph(seed);
    smallest = std::min(smallest, graph.ops());
    largest = std::max(largest, graph.ops());
    for (const RandomNode& node : graph.nodes)
      if (node.op) seen.insert(node.op->name);
    const std::string found = complaint(graph);
    if (found.empty()) continue;
    ++failed;
    const RandomGraph small = shrunk(graph, fails);
    BOOST_ERROR("seed " << seed << ", " << graph.ops() << " ops: " << found << "\nmade smaller, "
                        << str(small) << complaint(small));
  }
  if (failed > 0) return;
  BOOST_TEST(smallest == 5);
  BOOST_TEST(largest >= 55);
  BOOST_TEST(largest <= 60);
  for (const GraphOp& op : graph_ops()) BOOST_TEST(seen.count(op.name) == 1, op.name);
}

BOOST_AUTO_TEST_CASE(every_seed_gives_a_graph) {
  for (std::uint64_t seed = 1000; seed < 2000; ++seed) BOOST_TEST(random_graph(seed).ops() >= 5);
}

BOOST_AUTO_TEST_CASE(a_graph_is_a_function_of_its_seed) {
  BOOST_TEST(str(random_graph(3)) == str(random_graph(3)));
  BOOST_TEST(str(random_graph(3)) != str(random_graph(4)));
}

BOOST_AUTO_TEST_CASE(a_wrong_op_is_found_and_its_graph_reduced) {
  std::vector<GraphOp> table = graph_ops();
  table.push_back({"nearly_square", 1, [](const std::vector<Shape>&) { return true; },
                   [](const Tensors& x) { return record<NearlySquare>({x[0]}); }});
  int found = 0;
  for (std::uint64_t seed = 1; found < 3; ++seed) {
    BOOST_REQUIRE(seed < 1000);
    const RandomGraph graph = random_graph(seed, table);
    const auto wrong = std::count_if(
        graph.nodes.begin(), graph.nodes.end(),
        [](const RandomNode& node) { return node.op && node.op->name == "nearly_square"; });
    if (wrong == 0 || graph.ops() > 20) continue;
    ++found;
    BOOST_TEST(fails(graph), str(graph));
    const RandomGraph small = shrunk(graph, fails);
    BOOST_TEST(small.ops() == 1, str(small));
    BOOST_TEST(str(small).find("v1 = nearly_square(v0)") != std::string::npos, str(small));
  }
}

BOOST_AUTO_TEST_SUITE_END()
