// From a tape to a graph, and the list of passes.
#include "autodiff/plan/graph.h"

namespace twice {

std::vector<Spec> Graph::input_specs(const GraphNode& node) const {
  std::vector<Spec> specs;
  specs.reserve(node.inputs.size());
  for (int input : node.inputs) specs.push_back(nodes[static_cast<std::size_t>(input)].spec);
  return specs;
}

Graph graph_of(const Tensors& outputs) {
  if (outputs.empty()) fail("plan", "a plan needs at least one output");
  Tape& tape = outputs[0].tape();
  Graph graph;
  int last = 0;
  for (Tensor output : outputs) {
    if (&output.tape() != &tape) fail("plan", "its outputs are on two different tapes");
    last = std::max(last, output.index());
    graph.outputs.push_back(output.index());
  }
  graph.nodes.resize(static_cast<std::size_t>(last + 1));
  for (int i = 0; i <= last; ++i) {
    const Node& recorded = tape.node(i);
    GraphNode& node = graph.nodes[static_cast<std::size_t>(i)];
    node.kind = recorded.kind;
    node.phase = recorded.phase;
    node.op = recorded.op;
    const std::span<const int> inputs = tape.inputs_of(recorded);
    node.inputs.assign(inputs.begin(), inputs.end());
    node.spec = recorded.spec;
    node.recorded = i;
    // An origin precedes its node, so its own root is known already.
    node.forward_origin =
        recorded.origin == i
            ? i
            : graph.nodes[static_cast<std::size_t>(recorded.origin)].forward_origin;
    node.forward_op = tape.node(node.forward_origin).op;
    if (!node.op)
      node.leaf = std::make_shared<const Leaf>(
          Leaf{std::string(tape.name(recorded)), tape.stored(recorded)});
  }
  return graph;
}

const std::vector<Pass>& passes() {
  static const std::vector<Pass> list = {
      {"dead-code", "drop what no output needs", dead_code, &PlanOptions::dead_code},
      {"common-subexpressions", "compute equal nodes once", common_subexpressions,
       &PlanOptions::common_subexpressions},
  };
  return list;
}

void switch_off(PlanOptions& options, std::string_view pass) {
  for (const Pass& known : passes())
    if (known.name == pass) {
      options.*known.enabled = false;
      return;
    }
  if (pass != "reuse-memory")
    fail("plan", "unknown pass '{}'; the passes are dead-code, common-subexpressions, reuse-memory",
         pass);
  options.reuse_memory = false;
}

}  // namespace twice
