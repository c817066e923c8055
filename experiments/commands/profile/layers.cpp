// Assigns a layer to each node of a tape.
#include <algorithm>
#include <set>

#include "experiments/commands/profile/step_record.h"

namespace twice::experiments {

namespace {

/// The layer of a node that no scope recorded, from the layers that it reads. Empty if unknown.
std::string layer_outside_scopes(const Tape& tape, const Node& node,
                                 const std::vector<std::string>& layers) {
  if (node.kind == NodeKind::input) return node.spec.dtype == DType::i32 ? loss_layer : input_layer;
  std::set<std::string> read;
  for (int input : tape.inputs_of(node)) read.insert(layers[static_cast<std::size_t>(input)]);
  read.erase("");
  if (!node.op || (node.phase == Phase::forward && read.empty())) return "";
  if (node.phase == Phase::forward)
    return read == std::set<std::string>{input_layer} ? input_layer : loss_layer;
  // Arithmetic that reads one layer belongs to that layer, even if it also reads numbers that all
  // layers share, such as 1/|g|.
  const bool loss = read.erase(loss_layer) > 0, whole = read.erase(whole_model_layer) > 0;
  if (read.size() == 1) return *read.begin();
  return read.empty() && loss && !whole ? loss_layer : whole_model_layer;
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
    else if (layer(i).empty())
      layer(i) = node.scope ? *node.scope : layer_outside_scopes(tape, node, layers);
  }
  std::ranges::replace(layers, std::string(), std::string(whole_model_layer));
  return layers;
}

}  // namespace twice::experiments
