// Draws, evaluates and shrinks random graphs.
#include "experiments/commands/check/random_graphs.h"

#include <algorithm>
#include <cmath>

#include "autodiff/plan/plan.h"

namespace twice::experiments {

namespace {

using Shapes = std::vector<Shape>;

/// Larger values are rejected, because the checks run each graph several hundred times.
constexpr Index most_elements = 64;

/// For numbers below 1, the longest step of a check is 2^-12. A graph can amplify the step about
/// ten times before it reaches a kink.
constexpr double kink_margin = 0.004;

bool kinks_are_far(const GraphOp& op, const Tensors& x) {
  if (!op.kinks) return true;
  const std::vector<double> distances = evaluate(op.kinks(x)).to_vector();
  return std::ranges::all_of(distances, [](double d) { return std::abs(d) > kink_margin; });
}

Array input_numbers(const RandomGraph& graph, const RandomNode& node) {
  Array numbers(node.shape, DType::f64);
  fill_normal(Rng(graph.seed, 1, node.draw), 0, 0.8, numbers);
  return numbers;
}

std::vector<bool> used_values(const RandomGraph& graph) {
  std::vector<bool> used(graph.nodes.size(), false);
  for (const RandomNode& node : graph.nodes)
    for (std::size_t input : node.inputs) used[input] = true;
  return used;
}

/// Removes inputs without readers and renumbers the nodes.
RandomGraph compacted(const RandomGraph& graph) {
  const std::vector<bool> used = used_values(graph);
  RandomGraph result{graph.seed, {}};
  std::vector<std::size_t> place(graph.nodes.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (!graph.nodes[i].op && !used[i]) continue;
    place[i] = result.nodes.size();
    result.nodes.push_back(graph.nodes[i]);
    for (std::size_t& input : result.nodes.back().inputs) input = place[input];
  }
  return result;
}

}  // namespace

int RandomGraph::ops() const {
  return static_cast<int>(std::ranges::count_if(nodes, &RandomNode::op));
}

std::vector<Array> RandomGraph::inputs() const {
  std::vector<Array> result;
  for (const RandomNode& node : nodes)
    if (!node.op) result.push_back(input_numbers(*this, node));
  return result;
}

Function RandomGraph::function() const {
  return [graph = *this](const Tensors& inputs) {
    Tensors values, outputs;
    std::size_t next = 0;
    for (const RandomNode& node : graph.nodes) {
      Tensors x;
      for (std::size_t input : node.inputs) x.push_back(values[input]);
      values.push_back(node.op ? node.op->apply(x) : inputs[next++]);
    }
    const std::vector<bool> used = used_values(graph);
    for (std::size_t i = 0; i < values.size(); ++i)
      if (!used[i]) outputs.push_back(values[i]);
    return outputs;
  };
}

bool RandomGraph::away_from_kinks() const {
  Tape tape;
  Tensors values;
  for (const RandomNode& node : nodes) {
    Tensors x;
    for (std::size_t input : node.inputs) x.push_back(values[input]);
    if (node.op && !kinks_are_far(*node.op, x)) return false;
    values.push_back(node.op ? node.op->apply(x) : tape.constant(input_numbers(*this, node)));
  }
  return true;
}

std::string str(const RandomGraph& graph) {
  std::string text = fmt::format("random graph of seed {}:\n", graph.seed);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const RandomNode& node = graph.nodes[i];
    std::string inputs;
    for (std::size_t input : node.inputs)
      inputs += fmt::format("{}v{}", inputs.empty() ? "" : ", ", input);
    text += fmt::format("  v{} = {}({})   {}\n", i, node.op ? node.op->name : "input", inputs,
                        str(node.shape));
  }
  return text;
}

RandomGraph random_graph(std::uint64_t seed, const std::vector<GraphOp>& table) {
  const Rng rng(seed);
  std::uint64_t drawn = 0;
  const auto below = [&](std::size_t count) {
    return static_cast<std::size_t>(rng.uniform(drawn++) * static_cast<double>(count));
  };
  // Sizes that often fit each other. The last two are an image and a kernel.
  const Shapes shapes{{},     {3},       {2},       {2, 3},       {3, 3},
                      {3, 2}, {2, 2, 3}, {2, 3, 2}, {1, 3, 3, 2}, {2, 2, 2, 2}};
  RandomGraph graph{seed, {}};
  Tape tape;
  Tensors values;
  const auto append = [&](RandomNode node, Tensor value) {
    node.shape = value.shape();
    graph.nodes.push_back(std::move(node));
    values.push_back(value);
  };
  const auto append_input = [&](const Shape& shape) {
    const RandomNode node{nullptr, {}, shape, graph.nodes.size()};
    append(node, tape.constant(input_numbers(graph, node)));
  };
  const std::size_t inputs = 2 + below(3);
  for (std::size_t i = 0; i < inputs; ++i) append_input(shapes[below(10)]);
  // Half of the graphs get inputs for a convolution.
  if (below(2) == 0)
    for (std::size_t i : {8, 9}) append_input(shapes[i]);

  // The logarithm of the size is uniform, because small graphs are checked fast and show a fault
  // clearly.
  const int ops = static_cast<int>(5 * std::pow(60.99 / 5, rng.uniform(drawn++)));
  while (graph.ops() < ops) {
    RandomNode node;
    node.op = &table[below(table.size())];
    Shapes x_shapes;
    Tensors x;
    // For some ops, suitable inputs are rare, so each op gets several attempts.
    bool fits = false;
    for (int attempt = 0; attempt < 8 && !fits; ++attempt) {
      node.inputs.clear();
      x.clear();
      x_shapes.clear();
      for (std::size_t slot = 0; slot < node.op->arity; ++slot) {
        // In half of the draws, only the latest four values are candidates, which makes graphs
        // deep.
        const std::size_t all = values.size();
        node.inputs.push_back(all - 1 - below(below(2) ? all : std::min<std::size_t>(4, all)));
        x.push_back(values[node.inputs.back()]);
        x_shapes.push_back(x.back().shape());
      }
      fits = node.op->accepts(x_shapes);
    }
    if (!fits || !kinks_are_far(*node.op, x)) continue;
    const Tensor y = node.op->apply(x);
    node.draw = graph.nodes.size();  // used if the node becomes an input
    if (y.shape().elements() <= most_elements && y.rank() <= 4) append(std::move(node), y);
  }
  return compacted(graph);
}

RandomGraph shrunk(RandomGraph graph, const std::function<bool(const RandomGraph&)>& fails) {
  for (bool smaller = true; smaller;) {
    smaller = false;
    for (std::size_t i = graph.nodes.size(); i-- > 0 && !smaller;) {
      if (!graph.nodes[i].op) continue;
      RandomGraph candidate = graph;
      candidate.nodes[i].op = nullptr;
      candidate.nodes[i].inputs.clear();
      candidate = compacted(candidate);
      if (candidate.ops() == 0 || !candidate.away_from_kinks() || !fails(candidate)) continue;
      graph = std::move(candidate);
      smaller = true;
    }
  }
  return graph;
}

}  // namespace twice::experiments
