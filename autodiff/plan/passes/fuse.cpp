// Pass: elementwise nodes that feed each other become one node, which reads and writes memory once
// (fused_op.h). Fusion saves memory traffic. As recorded, relu(x W + b) writes the bias at the size
// of the batch, reads two arrays, writes their sum, reads the sum and writes the result. The fused
// node reads x W and the bias, and writes the result. fusion_groups.h decides which nodes to fuse.
#include <algorithm>
#include <numeric>

#include "autodiff/plan/passes/fusion_groups.h"

namespace twice {

namespace {

std::shared_ptr<const FusedElementwise> op_of(const FusionGroups::Group& group,
                                              const FusionGroups& groups, const Graph& graph) {
  std::vector<Reading> readings;
  for (const FusionGroups::Read& input : group.inputs) readings.push_back(input.reading);
  std::vector<FusedElementwise::Member> members;
  for (int i : group.members) {
    const GraphNode& node = graph.at(i);
    std::vector<int> operands;
    for (int input : node.inputs) {
      const FusionGroups::Read read = groups.read_of(i, input);
      const auto stored = std::find(group.inputs.begin(), group.inputs.end(), read);
      const auto member = std::find(group.members.begin(), group.members.end(), read.value);
      const auto operand = groups.inlined(read.value)
                               ? std::ssize(group.inputs) + (member - group.members.begin())
                               : stored - group.inputs.begin();
      operands.push_back(static_cast<int>(operand));
    }
    members.push_back({node, groups.op(i), operands});
  }
  return std::make_shared<const FusedElementwise>(graph.at(group.members.back()).spec,
                                                  std::move(readings), std::move(members));
}

/// The graph with one node for each group, in the order of the groups' last members. If a group
/// needs more buffers than there are, splits that group in `groups` and returns nothing.
std::optional<Graph> with_groups(const Graph& graph, FusionGroups& groups) {
  Graph result = graph;
  for (int i = 0; i < static_cast<int>(graph.nodes.size()); ++i) {
    if (!groups.is_root(i)) continue;
    const FusionGroups::Group group = groups.group_of(i);
    if (group.members.size() == 1 && !group.through_broadcast) continue;
    const auto op = op_of(group, groups, graph);
    if (op->buffers() > FusedElementwise::most_buffers) {
      groups.always_store(group.members[(group.members.size() - 1) / 2]);
      return std::nullopt;
    }
    GraphNode& node = result.at(i);
    node.op = op;
    node.inputs.clear();
    for (const FusionGroups::Read& input : group.inputs) node.inputs.push_back(input.value);
  }
  return result;
}

/// The nodes in the order of `places`.
Graph reordered(Graph graph, const std::vector<int>& places) {
  const auto place = [&](int i) { return places[static_cast<std::size_t>(i)]; };
  std::vector<int> order(graph.nodes.size()), moved(graph.nodes.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return place(a) < place(b); });
  for (std::size_t k = 0; k < order.size(); ++k)
    moved[static_cast<std::size_t>(order[k])] = static_cast<int>(k);
  Graph result;
  for (int i : order) {
    result.nodes.push_back(std::move(graph.at(i)));
    for (int& input : result.nodes.back().inputs) input = moved[static_cast<std::size_t>(input)];
  }
  for (int output : graph.outputs)
    result.outputs.push_back(moved[static_cast<std::size_t>(output)]);
  return result;
}

}  // namespace

Graph fuse_elementwise(Graph graph) {
  FusionGroups groups(graph);
  std::optional<Graph> fused;
  while (!fused) fused = with_groups(graph, groups);
  // Nodes that are now computed only inside groups are no longer needed.
  return dead_code(reordered(std::move(*fused), groups.places()));
}

}  // namespace twice
