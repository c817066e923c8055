// Assigns a layer to each node of a tape.
#include <algorithm>
#include <set>

#include "experiments/commands/profile/step_record.h"

namespace twice::experiments {

namespace {

/// The layers that a node reads, without unknown layers.
std::set<std::string> layers_read(const Tape& tape, const Node& node,
                                  const std::vector<std::string>& layers) {
  std::set<std::string> read;
  for (int input : tape.inputs_of(node)) read.insert(layers[static_cast<std::size_t>(input)]);
  read.erase("");
  return read;
}

/// Arithmetic that reads one layer belongs to that layer, even if it also reads numbers that all
/// layers share, such as 1/|g|.
std::string layer_of_update(std::set<std::string> read) {
  const bool loss = read.erase(loss_layer) > 0, whole = read.erase(whole_model_layer) > 0;
  if (read.size() == 1) return *read.begin();
  return read.empty() && loss && !whole ? loss_layer : whole_model_layer;
}

std::string layer_of_leaf(const Node& leaf) {
  if (leaf.kind != NodeKind::input) return "";
  return leaf.spec.dtype == DType::i32 ? loss_layer : input_layer;
}

std::string layer_outside_scopes(const std::set<std::string>& read) {
  if (read.empty()) return "";
  return read == std::set<std::string>{input_layer} ? input_layer : loss_layer;
}

}  // namespace

std::vector<std::string> layers_of(const Tape& tape) {
  std::vector<std::string> layers(static_cast<std::size_t>(tape.size()));
  const auto layer = [&](int node) -> std::string& {
    return layers[static_cast<std::size_t>(node)];
  };
  for (int i = 0; i < tape.size(); ++i)
    if (const Node& node = tape.node(i); node.origin == i && node.scope)
      for (int input : tape.inputs_of(node))
        if (tape.node(input).kind == NodeKind::parameter && layer(input).empty())
          layer(input) = *node.scope;
  for (int i = 0; i < tape.size(); ++i) {
    const Node& node = tape.node(i);
    if (node.origin != i)
      layer(i) = layer(tape.forward_origin(i));
    else if (!layer(i).empty())
      continue;
    else if (node.scope)
      layer(i) = *node.scope;
    else if (!node.op)
      layer(i) = layer_of_leaf(node);
    else if (node.phase == Phase::forward)
      layer(i) = layer_outside_scopes(layers_read(tape, node, layers));
    else
      layer(i) = layer_of_update(layers_read(tape, node, layers));
  }
  std::ranges::replace(layers, std::string(), std::string(whole_model_layer));
  return layers;
}

}  // namespace twice::experiments
