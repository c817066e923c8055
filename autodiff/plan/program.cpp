// From a graph to steps and places in the arena.
#include "autodiff/plan/program.h"

#include <limits>

#include "autodiff/plan/memory.h"

namespace twice {

namespace {

/// The value that holds a value's numbers: itself, or the root of its chain of views.
int root(const Program& program, int value) {
  while (program.values[static_cast<std::size_t>(value)].place == Value::Place::view)
    value = program.values[static_cast<std::size_t>(value)].of;
  return value;
}

void place_values(Program& program, bool reuse) {
  const int steps = static_cast<int>(program.steps.size());
  std::vector<int> last_use(program.values.size(), -1);
  for (int s = 0; s < steps; ++s) {
    const Step& step = program.steps[static_cast<std::size_t>(s)];
    last_use[static_cast<std::size_t>(step.output)] = s;
    for (int input : step.inputs) last_use[static_cast<std::size_t>(root(program, input))] = s;
  }
  for (int output : program.outputs)
    last_use[static_cast<std::size_t>(root(program, output))] = std::numeric_limits<int>::max();

  // For each step first its output, then its workspace, which lives only then.
  std::vector<Lifetime> lifetimes;
  for (int s = 0; s < steps; ++s) {
    const Step& step = program.steps[static_cast<std::size_t>(s)];
    const auto output = static_cast<std::size_t>(step.output);
    lifetimes.push_back({program.values[output].spec.bytes(), s, last_use[output]});
    lifetimes.push_back({step.workspace_bytes, s, s});
  }
  const Placement placement = place(lifetimes, reuse);
  for (std::size_t s = 0; s < program.steps.size(); ++s) {
    Step& step = program.steps[s];
    program.values[static_cast<std::size_t>(step.output)].offset = placement.offsets[2 * s];
    step.workspace_offset = placement.offsets[2 * s + 1];
  }
  program.arena_bytes = placement.arena;
  program.most_alive_bytes = placement.most_alive;
}

}  // namespace

Program lower(const Graph& graph, bool reuse_memory) {
  Program program;
  program.outputs = graph.outputs;
  for (const GraphNode& node : graph.nodes) {
    const int index = static_cast<int>(program.values.size());
    Value value;
    value.kind = node.kind;
    value.spec = node.spec;
    value.recorded = node.recorded;
    if (!node.op) {
      value.place = Value::Place::leaf;
      value.leaf = node.leaf;
      program.leaf_bytes += node.spec.bytes();
    } else if (node.op->is_view()) {
      value.place = Value::Place::view;
      value.of = node.inputs[0];
    } else {
      Step step;
      const std::vector<Spec> specs = graph.input_specs(node);
      step.op = node.op;
      step.inputs = node.inputs;
      step.output = index;
      step.workspace_bytes = node.op->workspace(specs, node.spec);
      step.cost = node.op->cost(specs, node.spec);
      step.phase = node.phase;
      step.recorded = node.recorded;
      step.forward_origin = node.forward_origin;
      step.forward_op = node.forward_op;
      program.steps.push_back(std::move(step));
    }
    program.values.push_back(std::move(value));
  }
  place_values(program, reuse_memory);
  return program;
}

}  // namespace twice
