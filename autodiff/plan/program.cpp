// Lowering: the conversion of a graph into steps and places in the arena.
#include "autodiff/plan/program.h"

#include "autodiff/plan/memory.h"

namespace twice {

int root(const Program& program, int value) {
  const Value& v = program.values[static_cast<std::size_t>(value)];
  return v.place == Value::Place::view ? root(program, v.of) : value;
}

std::vector<int> last_uses(const Program& program) {
  std::vector<int> last(program.values.size(), -1);
  const int end = static_cast<int>(program.steps.size());
  for (int s = 0; s < end; ++s) {
    const Step& step = program.steps[static_cast<std::size_t>(s)];
    last[static_cast<std::size_t>(step.output)] = s;
    for (int input : step.inputs) last[static_cast<std::size_t>(root(program, input))] = s;
  }
  for (int output : program.outputs) last[static_cast<std::size_t>(root(program, output))] = end;
  return last;
}

namespace {

/// y = x. An output that is a leaf or a view of one is copied. The caller may overwrite the outputs
/// of a plan, and that must not change a parameter, an input or a constant.
struct Copy final : Op {
  std::string_view name() const override { return "copy"; }
  int input_count() const override { return 1; }
  Spec infer(Specs x) const override { return x[0]; }
  void run(const Inputs& x, const Array& y, std::byte*) const override { copy(x[0], y); }
  Cost cost(Specs, const Spec& y) const override {
    return {0, 2.0 * static_cast<double>(y.bytes())};
  }
  Tensor vjp(int, std::span<const Tensor>, Tensor, Tensor) const override { return refuse(); }
  Tensor jvp(int, std::span<const Tensor>, Tensor, Tensor) const override { return refuse(); }
  Tensor refuse() const {
    fail(name(), "is made by the planner and has no derivative rule: differentiate, then plan");
  }
};

/// The value that the output of step `s` may overwrite; -1 if there is none. No later step reads
/// this value, and the step reads it only in slots that may be overwritten.
int overwritten(const Program& program, int s, const std::vector<int>& last_use) {
  const Step& step = program.steps[static_cast<std::size_t>(s)];
  const std::size_t bytes = program.values[static_cast<std::size_t>(step.output)].spec.bytes();
  if (bytes == 0) return -1;
  const auto may_be = [&](int value) {
    const Value& v = program.values[static_cast<std::size_t>(value)];
    if (v.place != Value::Place::arena || v.spec.bytes() != bytes) return false;
    if (last_use[static_cast<std::size_t>(value)] != s) return false;
    for (std::size_t slot = 0; slot < step.inputs.size(); ++slot)
      if (root(program, step.inputs[slot]) == value &&
          !step.op->may_overwrite(static_cast<int>(slot)))
        return false;
    return true;
  };
  for (int input : step.inputs)
    if (const int value = root(program, input); may_be(value)) return value;
  return -1;
}

void place_values(Program& program, bool reuse, bool in_place) {
  const int steps = static_cast<int>(program.steps.size());
  const std::vector<int> last_use = last_uses(program);
  // The lifetimes of each step's output, unless it overwrites an existing value, and of its
  // workspace, which lives only during the step.
  std::vector<Lifetime> lifetimes;
  std::vector<std::size_t> place_of(program.values.size()), workspaces;
  for (int s = 0; s < steps; ++s) {
    const Step& step = program.steps[static_cast<std::size_t>(s)];
    const auto output = static_cast<std::size_t>(step.output);
    const int before = in_place ? overwritten(program, s, last_use) : -1;
    if (before >= 0) {
      place_of[output] = place_of[static_cast<std::size_t>(before)];
      lifetimes[place_of[output]].last = last_use[output];
    } else {
      place_of[output] = lifetimes.size();
      lifetimes.push_back({program.values[output].spec.bytes(), s, last_use[output]});
    }
    workspaces.push_back(lifetimes.size());
    lifetimes.push_back({step.workspace_bytes, s, s});
  }
  const Placement placement = place(lifetimes, reuse);
  for (std::size_t s = 0; s < program.steps.size(); ++s) {
    Step& step = program.steps[s];
    const auto output = static_cast<std::size_t>(step.output);
    program.values[output].offset = placement.offsets[place_of[output]];
    step.workspace_offset = placement.offsets[workspaces[s]];
  }
  program.arena_bytes = placement.arena;
  program.most_alive_bytes = placement.most_alive;
}

Step step_of(const GraphNode& node, std::shared_ptr<const Op> op, std::vector<int> inputs,
             const std::vector<Spec>& specs, int output) {
  Step step;
  static_cast<Origin&>(step) = node;
  step.op = std::move(op);
  step.inputs = std::move(inputs);
  step.output = output;
  step.workspace_bytes = step.op->workspace(specs, node.spec);
  step.cost = step.op->cost(specs, node.spec);
  step.recorded = node.recorded;
  return step;
}

Value value_of(const GraphNode& node) {
  Value value;
  value.kind = node.kind;
  value.spec = node.spec;
  value.recorded = node.recorded;
  return value;
}

}  // namespace

Program lower(const Graph& graph, bool reuse_memory, bool in_place) {
  Program program;
  program.outputs = graph.outputs;
  for (const GraphNode& node : graph.nodes) {
    Value value = value_of(node);
    if (!node.op) {
      value.place = Value::Place::leaf;
      value.leaf = node.leaf;
      program.leaf_bytes += node.spec.bytes();
    } else if (node.op->is_view()) {
      value.place = Value::Place::view;
      value.of = node.inputs[0];
    } else {
      program.steps.push_back(step_of(node, node.op, node.inputs, graph.input_specs(node),
                                      static_cast<int>(program.values.size())));
    }
    program.values.push_back(std::move(value));
  }
  for (int& output : program.outputs) {
    const Value& source = program.values[static_cast<std::size_t>(root(program, output))];
    if (source.place != Value::Place::leaf) continue;
    const GraphNode& node = graph.at(output);
    Value copied = value_of(node);
    copied.kind = NodeKind::operation;
    const int place = static_cast<int>(program.values.size());
    program.steps.push_back(
        step_of(node, std::make_shared<const Copy>(), {output}, {node.spec}, place));
    program.values.push_back(std::move(copied));
    output = place;
  }
  place_values(program, reuse_memory, in_place);
  return program;
}

}  // namespace twice
