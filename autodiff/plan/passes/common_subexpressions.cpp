// Pass: compute equal nodes once. Derivative rules record the same mask or the same softmax several
// times; this pass removes the repetitions.
#include <string>
#include <string_view>
#include <typeinfo>
#include <unordered_map>

#include "autodiff/plan/graph.h"

namespace twice {

namespace {

/// Gives each op a number. Ops that compute the same function have the same number.
class OpNumbers {
 public:
  std::size_t operator()(const Op& op) {
    // Nodes whose op has no attributes share one op object, so no text is needed to find the op.
    const auto known = by_address_.find(&op);
    if (known != by_address_.end()) return known->second;
    const std::string attributes = op.attributes();
    const std::string text =
        attributes.empty() ? fmt::format("{}", static_cast<const void*>(&op))
                           : fmt::format("{} {} {}", typeid(op).name(), op.name(), attributes);
    const std::size_t number = by_text_.try_emplace(text, by_text_.size()).first->second;
    by_address_.emplace(&op, number);
    return number;
  }

 private:
  std::unordered_map<const Op*, std::size_t> by_address_;
  std::unordered_map<std::string, std::size_t> by_text_;
};

std::size_t mixed(std::size_t hash, std::size_t value) {
  return (hash ^ value) * 0x9e3779b97f4a7c15u + (hash >> 29);
}

/// The bytes of a constant of at most 64 bytes; empty for other nodes.
std::string_view small_constant(const GraphNode& node) {
  if (node.kind != NodeKind::constant || node.spec.bytes() > 64) return {};
  return {static_cast<const char*>(node.leaf->stored.raw()), node.spec.bytes()};
}

}  // namespace

Graph common_subexpressions(Graph graph) {
  Graph result;
  OpNumbers number_of;
  std::unordered_multimap<std::size_t, int> seen;
  std::vector<std::size_t> numbers;
  std::vector<int> moved;
  moved.reserve(graph.nodes.size());
  for (GraphNode& node : graph.nodes) {
    for (int& input : node.inputs) input = moved[static_cast<std::size_t>(input)];
    const std::string_view constant = small_constant(node);
    const std::size_t number = node.op ? number_of(*node.op) : 0;
    std::size_t hash = mixed(number, std::hash<std::string_view>{}(constant));
    for (int input : node.inputs) hash = mixed(hash, static_cast<std::size_t>(input));

    const int next = static_cast<int>(result.nodes.size());
    int kept = next;
    if (node.op || !constant.empty()) {
      const auto [first, last] = seen.equal_range(hash);
      for (auto candidate = first; candidate != last && kept == next; ++candidate) {
        const GraphNode& other = result.at(candidate->second);
        // The spec is compared too, because the attributes of some ops do not determine it.
        if (numbers[static_cast<std::size_t>(candidate->second)] == number &&
            !other.op == !node.op && other.inputs == node.inputs && other.spec == node.spec &&
            small_constant(other) == constant)
          kept = candidate->second;
      }
    }
    moved.push_back(kept);
    if (kept != next) continue;
    seen.emplace(hash, next);
    numbers.push_back(number);
    result.nodes.push_back(std::move(node));
  }
  for (int output : graph.outputs)
    result.outputs.push_back(moved[static_cast<std::size_t>(output)]);
  return result;
}

}  // namespace twice
