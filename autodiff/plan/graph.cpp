// The conversion of a tape into a graph, and the list of passes.
#include "autodiff/plan/graph.h"

#include <fmt/format.h>

#include <algorithm>

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

namespace {

std::vector<Pass>& all_passes() {
  using Options = PlanOptions;
  const auto built_in = [](const char* name, const char* purpose, Graph (*run)(Graph),
                           bool Options::*enabled) {
    return Pass{name, purpose, [run](Graph graph, const Options&) { return run(std::move(graph)); },
                enabled};
  };
  static std::vector<Pass> list = {
      built_in("dead-code", "drop nodes that no output needs", dead_code, &Options::dead_code),
      built_in("simplify", "fold constants, scalings and transposes", simplify, &Options::simplify),
      built_in("common-subexpressions", "compute equal nodes once", common_subexpressions,
               &Options::common_subexpressions),
      built_in("accumulate", "add products up inside the product", accumulate,
               &Options::accumulate),
      built_in("gram", "norms of products without the products", gram_identity, &Options::gram),
      built_in("reassociate", "multiply chains of products in the cheapest order", reassociate,
               &Options::reassociate),
      built_in("winograd", "convolve with fewer multiplications, by minimal filtering",
               use_winograd, &Options::winograd),
      built_in("fuse", "run elementwise nodes together, block by block", fuse_elementwise,
               &Options::fuse),
  };
  return list;
}

bool is_on(const Pass& pass, const PlanOptions& options) {
  if (pass.enabled) return options.*pass.enabled;
  return std::ranges::find(options.without, pass.name) == options.without.end();
}

/// Throws unless `graph` is valid and has outputs with the specs in `before`.
void check_rewritten(const Pass& pass, const std::vector<Spec>& before, const Graph& graph) {
  const auto count = static_cast<int>(graph.nodes.size());
  const auto wrong = [&](int node, const std::string& what) {
    fail("plan", "pass '{}': node {} ({}) {}", pass.name, node,
         node >= 0 && node < count ? graph.at(node).name() : "none", what);
  };
  for (int i = 0; i < count; ++i) {
    const GraphNode& node = graph.at(i);
    if (!node.op && !node.leaf) wrong(i, "has neither an op nor a leaf");
    for (int input : node.inputs)
      if (input < 0 || input >= i)
        wrong(i,
              fmt::format("reads node {}; expected an earlier node (in_order sorts them)", input));
    if (!node.op) continue;
    const std::vector<Spec> inputs = graph.input_specs(node);
    if (const Spec computed = node.op->infer(inputs); !(computed == node.spec))
      wrong(i, fmt::format("has spec {}, but its op computes {}", str(node.spec), str(computed)));
  }
  if (graph.outputs.size() != before.size())
    fail("plan", "pass '{}': {} outputs; expected {}", pass.name, graph.outputs.size(),
         before.size());
  for (std::size_t k = 0; k < before.size(); ++k) {
    const int output = graph.outputs[k];
    if (output < 0 || output >= count) wrong(output, "is an output, but there is no such node");
    if (!(graph.at(output).spec == before[k]))
      wrong(output, fmt::format("is output {} with spec {}; expected {}", k,
                                str(graph.at(output).spec), str(before[k])));
  }
}

}  // namespace

const std::vector<Pass>& passes() { return all_passes(); }

void add_pass(Pass pass, std::string_view before) {
  check_new("pass", passes(), pass.name);
  if (!pass.run) fail("plan", "pass '{}' has no `run`", pass.name);
  const Pass& next = row_named("pass", passes(), before);
  all_passes().insert(passes().begin() + (&next - passes().data()), std::move(pass));
}

Graph rewritten(Graph graph, const PlanOptions& options,
                const std::function<void(const Pass&, const Graph&)>& after) {
  for (const Pass& pass : passes()) {
    if (!is_on(pass, options)) continue;
    std::vector<Spec> outputs;
    for (int output : graph.outputs) outputs.push_back(graph.at(output).spec);
    graph = pass.run(std::move(graph), options);
    if (!pass.enabled) check_rewritten(pass, outputs, graph);
    if (after) after(pass, graph);
  }
  return graph;
}

PlanOptions no_passes() {
  PlanOptions options;
  for (const Pass& pass : passes()) switch_off(options, pass.name);
  options.reuse_memory = options.in_place = false;
  return options;
}

void switch_off(PlanOptions& options, std::string_view name) {
  if (name == "reuse-memory") {
    options.reuse_memory = false;
  } else if (name == "in-place") {
    options.in_place = false;
  } else {
    std::vector<std::string> names = names_of(passes());
    names.insert(names.end(), {"reuse-memory", "in-place"});
    const auto known = std::ranges::find(passes(), name, &Pass::name);
    if (known == passes().end())
      fail("plan", "unknown pass '{}'; the passes are {}", name, fmt::join(names, ", "));
    if (known->enabled)
      options.*known->enabled = false;
    else
      options.without.push_back(known->name);
  }
}

}  // namespace twice
