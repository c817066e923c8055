// Pass: compute equal nodes once. Derivative rules repeat themselves freely (each asks
// for the same mask, the same softmax); this pass lets them.
#include <string>
#include <typeinfo>
#include <unordered_map>

#include "autodiff/plan/graph.h"

namespace twice {

namespace {

/// Text that two nodes share exactly when they compute the same value; empty for a
/// node that must stay as it is.
std::string identity(const GraphNode& node) {
  if (node.kind == NodeKind::constant && node.spec.bytes() <= 64)
    return fmt::format("constant {} ", str(node.spec)) +
           std::string(static_cast<const char*>(node.leaf->stored.raw()), node.spec.bytes());
  if (!node.op) return {};
  const Op& op = *node.op;
  const std::string attributes = op.attributes();
  const std::string what = attributes.empty()
                               ? fmt::format("{}", static_cast<const void*>(&op))
                               : fmt::format("{} {} {}", typeid(op).name(), op.name(), attributes);
  // The shape is part of the key for attributes that leave out what it depends on.
  return fmt::format("{} | {} | {}", what, str(node.spec), fmt::join(node.inputs, " "));
}

}  // namespace

Graph common_subexpressions(Graph graph) {
  Graph result;
  std::unordered_map<std::string, int> first_of;
  std::vector<int> moved;
  moved.reserve(graph.nodes.size());
  for (GraphNode& node : graph.nodes) {
    for (int& input : node.inputs) input = moved[static_cast<std::size_t>(input)];
    const int next = static_cast<int>(result.nodes.size());
    const std::string key = identity(node);
    const int kept = key.empty() ? next : first_of.try_emplace(key, next).first->second;
    moved.push_back(kept);
    if (kept == next) result.nodes.push_back(std::move(node));
  }
  for (int output : graph.outputs)
    result.outputs.push_back(moved[static_cast<std::size_t>(output)]);
  return result;
}

}  // namespace twice
