// Pass: algebra on single nodes. Derivative rules multiply by constants, transpose and stop
// gradients as the formulas say. This pass removes the cost of these steps.
#include <algorithm>
#include <optional>

#include "autodiff/ops/algebra.h"
#include "autodiff/plan/passes/rewrite.h"

namespace twice {

namespace {

/// The maximum number of elements of a constant that is computed at plan time.
constexpr Index largest_constant = 64;

bool is_constant(const GraphNode& node) { return node.kind == NodeKind::constant; }

/// The number that all elements of a node have, if it is known at plan time.
std::optional<double> uniform_value(const Graph& graph, int index) {
  const GraphNode& node = graph.at(index);
  if (node.op && is_broadcast(*node.op)) return uniform_value(graph, node.inputs[0]);
  if (!is_constant(node) || !is_float(node.spec.dtype)) return std::nullopt;
  const Index count = node.spec.shape.elements();
  if (count == 0 || count > largest_constant) return std::nullopt;
  return visit_float(node.spec.dtype, [&]<class T>(T) -> std::optional<double> {
    const T* numbers = node.leaf->stored.data<T>();
    if (!std::all_of(numbers, numbers + count, [&](T x) { return x == numbers[0]; }))
      return std::nullopt;
    return static_cast<double>(numbers[0]);
  });
}

/// Replaces an operation on small constants by its result.
void compute(const Graph& graph, GraphNode& node) {
  std::vector<const Array*> inputs;
  for (int input : node.inputs) inputs.push_back(&graph.at(input).leaf->stored);
  const Array result = Array::zeros(node.spec.shape, node.spec.dtype);
  const std::size_t scratch = node.op->workspace(graph.input_specs(node), node.spec);
  node.op->run(Inputs(inputs), result, aligned_storage(scratch).get());
  node.kind = NodeKind::constant;
  node.leaf = std::make_shared<const Leaf>(Leaf{"constant", result});
  node.op = nullptr;
  node.inputs.clear();
}

bool all_constant(const Graph& graph, const GraphNode& node) {
  return node.spec.shape.elements() <= largest_constant && !node.inputs.empty() &&
         std::all_of(node.inputs.begin(), node.inputs.end(),
                     [&](int input) { return is_constant(graph.at(input)); });
}

void become_affine(GraphNode& node, int input, ScaleShift constants) {
  node.op = affine_op(constants);
  node.inputs = {input};
}

/// x + c, x - c, c - x and c x for a constant c become one affine op.
void fold_uniform(const Graph& graph, GraphNode& node) {
  const Arithmetic kind = arithmetic_of(*node.op);
  if (kind == Arithmetic::other || kind == Arithmetic::square) return;
  const int a = node.inputs[0], b = node.inputs[1];
  if (const auto c = uniform_value(graph, b)) {
    become_affine(node, a,
                  kind == Arithmetic::mul   ? ScaleShift{*c, 0}
                  : kind == Arithmetic::add ? ScaleShift{1, *c}
                                            : ScaleShift{1, -*c});
  } else if (const auto d = uniform_value(graph, a)) {
    become_affine(node, b,
                  kind == Arithmetic::mul   ? ScaleShift{*d, 0}
                  : kind == Arithmetic::add ? ScaleShift{1, *d}
                                            : ScaleShift{-1, *d});
  }
}

/// s (t x + u) = (s t) x + s u, if s t and s u keep all their digits. A second shift is not folded:
/// `loss - level` must be exactly 0 if the loss equals the level.
void fold_affine(const Graph& graph, GraphNode& node) {
  const auto outer = as_affine(*node.op);
  if (!outer) return;
  const GraphNode& input = graph.at(node.inputs[0]);
  const auto inner = input.op ? as_affine(*input.op) : std::nullopt;
  if (!inner || outer->shift != 0) return;
  const double s = outer->scale;
  for (double factor : {inner->scale, inner->shift})
    if (s != 0 && factor != 0 && !is_normal(s * factor, node.spec.dtype)) return;
  become_affine(node, input.inputs[0], {s * inner->scale, s * inner->shift});
}

/// A transposed factor becomes a flag of the product.
void fold_transposes(const Graph& graph, GraphNode& node) {
  auto flags = as_matmul(*node.op);
  if (!flags) return;
  for (std::size_t slot = 0; slot < 2; ++slot) {
    const GraphNode& factor = graph.at(node.inputs[slot]);
    const auto axes = factor.op ? as_permutation(*factor.op) : std::nullopt;
    if (!axes) continue;
    // A factor has two axes: a permutation either swaps them or does nothing.
    if ((*axes)[0] == 1) {
      bool& transposed = slot == 0 ? flags->a : flags->b;
      transposed = !transposed;
    }
    node.inputs[slot] = factor.inputs[0];
  }
  node.op = matmul_op(*flags);
}

void fold_permutations(const Graph& graph, GraphNode& node) {
  const auto outer = as_permutation(*node.op);
  if (!outer) return;
  const GraphNode& input = graph.at(node.inputs[0]);
  const auto inner = input.op ? as_permutation(*input.op) : std::nullopt;
  if (!inner) return;
  Shape axes;
  for (Index axis : *outer) axes.push_back((*inner)[static_cast<int>(axis)]);
  node.op = permute_op(axes);
  node.inputs = {input.inputs[0]};
}

/// True if the node has the same value and spec as its first input.
bool changes_nothing(const Graph& graph, const GraphNode& node) {
  const Op& op = *node.op;
  if (op.is_view()) return graph.at(node.inputs[0]).spec == node.spec;
  if (const auto constants = as_affine(op)) return constants->scale == 1 && constants->shift == 0;
  if (const auto axes = as_permutation(op)) {
    for (int i = 0; i < axes->rank(); ++i)
      if ((*axes)[i] != i) return false;
    return true;
  }
  return false;
}

}  // namespace

Graph simplify(Graph graph) {
  std::vector<int> same_as(graph.nodes.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    GraphNode& node = graph.nodes[i];
    same_as[i] = static_cast<int>(i);
    if (!node.op) continue;
    for (int& input : node.inputs) input = same_as[static_cast<std::size_t>(input)];
    if (all_constant(graph, node)) {
      compute(graph, node);
      continue;
    }
    fold_uniform(graph, node);
    fold_affine(graph, node);
    fold_transposes(graph, node);
    fold_permutations(graph, node);
    if (changes_nothing(graph, node)) same_as[i] = node.inputs[0];
  }
  for (int& output : graph.outputs) output = same_as[static_cast<std::size_t>(output)];
  return in_order(std::move(graph));
}

}  // namespace twice
