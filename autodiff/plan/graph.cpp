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
    node.op = recorded.op;
    const std::span<const int> inputs = tape.inputs_of(recorded);
    node.inputs.assign(inputs.begin(), inputs.end());
    node.spec = recorded.spec;
    node.recorded = i;
    const int origin = tape.forward_origin(i);
    static_cast<Origin&>(node) = {recorded.phase, origin, tape.node(origin).op, recorded.scope};
    if (!node.op)
      node.leaf = std::make_shared<const Leaf>(
          Leaf{std::string(tape.name(recorded)), tape.stored(recorded)});
  }
  return graph;
}

const std::vector<Pass>& passes() {
  static const std::vector<Pass> list = {
      {"dead-code", "drop what no output needs", dead_code, &PlanOptions::dead_code},
      {"simplify", "fold constants, scalings and transposes", simplify, &PlanOptions::simplify},
      {"common-subexpressions", "compute equal nodes once", common_subexpressions,
       &PlanOptions::common_subexpressions},
      {"accumulate", "add products up inside the product", accumulate, &PlanOptions::accumulate},
      {"gram", "norms of products without the products", gram_identity, &PlanOptions::gram},
      {"reassociate", "multiply chains of products in the cheapest order", reassociate,
       &PlanOptions::reassociate},
      {"winograd", "convolve with fewer multiplications, by minimal filtering", use_winograd,
       &PlanOptions::winograd},
      {"fuse", "run elementwise nodes together, block by block", fuse_elementwise,
       &PlanOptions::fuse},
  };
  return list;
}

PlanOptions no_passes() {
  PlanOptions options;
  for (const Pass& pass : passes()) options.*pass.enabled = false;
  options.reuse_memory = options.in_place = false;
  return options;
}

void switch_off(PlanOptions& options, std::string_view pass) {
  std::string names;
  for (const Pass& known : passes()) {
    if (known.name == pass) {
      options.*known.enabled = false;
      return;
    }
    names += fmt::format("{}, ", known.name);
  }
  if (pass == "reuse-memory")
    options.reuse_memory = false;
  else if (pass == "in-place")
    options.in_place = false;
  else
    fail("plan", "unknown pass '{}'; the passes are {}reuse-memory, in-place", pass, names);
}

}  // namespace twice
