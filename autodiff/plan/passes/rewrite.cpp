#include "autodiff/plan/passes/rewrite.h"

#include <cmath>
#include <limits>
#include <queue>

namespace twice {

int append(Graph& graph, std::shared_ptr<const Op> op, std::vector<int> inputs,
           const GraphNode& like) {
  GraphNode node;
  static_cast<Origin&>(node) = like;
  node.recorded = like.recorded;
  node.op = std::move(op);
  node.inputs = std::move(inputs);
  node.spec = node.op->infer(graph.input_specs(node));
  graph.nodes.push_back(std::move(node));
  return static_cast<int>(graph.nodes.size()) - 1;
}

bool is_normal(double scale, DType dtype) {
  return visit_float(dtype, [&]<class T>(T) {
    return std::abs(scale) >= std::numeric_limits<T>::min() &&
           std::abs(scale) <= std::numeric_limits<T>::max();
  });
}

bool may_move(double scale, DType dtype) {
  const double most = dtype == DType::f32 ? 0x1p40 : 0x1p300;
  return std::abs(scale) >= 1 / most && std::abs(scale) <= most;
}

std::vector<std::vector<int>> readers_of(const Graph& graph) {
  std::vector<std::vector<int>> readers(graph.nodes.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    for (int input : graph.nodes[i].inputs)
      readers[static_cast<std::size_t>(input)].push_back(static_cast<int>(i));
  return readers;
}

std::vector<char> is_output(const Graph& graph) {
  std::vector<char> result(graph.nodes.size(), 0);
  for (int output : graph.outputs) result[static_cast<std::size_t>(output)] = 1;
  return result;
}

Graph in_order(Graph graph) {
  const std::size_t count = graph.nodes.size();
  std::vector<char> needed(count, 0);
  std::vector<int> open(graph.outputs);
  while (!open.empty()) {
    const int node = open.back();
    open.pop_back();
    char& seen = needed[static_cast<std::size_t>(node)];
    if (seen) continue;
    seen = 1;
    for (int input : graph.at(node).inputs) open.push_back(input);
  }

  // Of the nodes whose inputs are all placed, the one that was recorded first comes next.
  const std::vector<std::vector<int>> readers = readers_of(graph);
  std::vector<std::size_t> missing(count);
  using Entry = std::pair<int, int>;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
  for (std::size_t i = 0; i < count; ++i) {
    missing[i] = graph.nodes[i].inputs.size();
    if (needed[i] && missing[i] == 0) ready.emplace(graph.nodes[i].recorded, static_cast<int>(i));
  }
  Graph result;
  std::vector<int> moved(count, -1);
  while (!ready.empty()) {
    const auto at = static_cast<std::size_t>(ready.top().second);
    ready.pop();
    moved[at] = static_cast<int>(result.nodes.size());
    GraphNode& node = result.nodes.emplace_back(std::move(graph.nodes[at]));
    for (int& input : node.inputs) input = moved[static_cast<std::size_t>(input)];
    for (int reader : readers[at])
      if (--missing[static_cast<std::size_t>(reader)] == 0 &&
          needed[static_cast<std::size_t>(reader)])
        ready.emplace(graph.at(reader).recorded, reader);
  }
  for (int output : graph.outputs)
    result.outputs.push_back(moved[static_cast<std::size_t>(output)]);
  return result;
}

}  // namespace twice
