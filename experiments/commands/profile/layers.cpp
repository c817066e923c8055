// The layer of each node of a tape, node by node.
#include <set>

#include "experiments/commands/profile/step_record.h"

namespace twice::experiments {

namespace {

/// Of a node that later ones read.
struct Place {
  std::string layer;
  /// True for a parameter, and for values computed from parameters (and gradients) alone.
  bool parametric = false;
};

Place place_of_leaf(const Tape& tape, const Node& node) {
  if (node.kind == NodeKind::constant) return {};
  if (node.kind == NodeKind::input)
    return {node.spec.dtype == DType::i32 ? loss_layer : input_layer, false};
  const std::string name(tape.name(node));
  return {name.substr(0, name.rfind('.')), true};
}

Place place_of_forward(const Tape& tape, const Node& node, const std::vector<Place>& places) {
  Place result{"", true};
  bool found_parameter = false, in_loss = false;
  int last = -1;
  for (int input : tape.inputs_of(node)) {
    const Place& place = places[static_cast<std::size_t>(input)];
    if (place.layer.empty()) continue;
    in_loss = in_loss || place.layer == loss_layer;
    result.parametric = result.parametric && place.parametric;
    if (place.parametric == found_parameter ? input > last : place.parametric) {
      result.layer = place.layer;
      last = input;
    }
    found_parameter = found_parameter || place.parametric;
  }
  if (result.layer.empty()) result.parametric = false;
  if (in_loss) result = {loss_layer, false};
  return result;
}

/// Numbers that all layers share, such as 1/|g|, do not make a layer's own arithmetic common.
Place place_of_update(const Tape& tape, const Node& node, const std::vector<Place>& places) {
  std::set<std::string> own, shared;
  for (int input : tape.inputs_of(node)) {
    const std::string& layer = places[static_cast<std::size_t>(input)].layer;
    if (layer.empty()) continue;
    (layer == loss_layer || layer == whole_model_layer ? shared : own).insert(layer);
  }
  if (own.size() == 1) return {*own.begin(), true};
  if (own.empty() && shared.size() == 1) return {*shared.begin(), false};
  return {whole_model_layer, false};
}

}  // namespace

std::vector<std::string> layers_of(const Tape& tape) {
  std::vector<Place> places;
  std::vector<std::string> layers;
  for (int i = 0; i < tape.size(); ++i) {
    const Node& node = tape.node(i);
    if (node.origin != i) {
      places.push_back({places[static_cast<std::size_t>(tape.forward_origin(i))].layer, false});
    } else if (node.kind != NodeKind::operation) {
      places.push_back(place_of_leaf(tape, node));
    } else if (node.phase == Phase::forward) {
      places.push_back(place_of_forward(tape, node, places));
    } else {
      places.push_back(place_of_update(tape, node, places));
    }
    const std::string& layer = places.back().layer;
    layers.push_back(layer.empty() ? whole_model_layer : layer);
  }
  return layers;
}

}  // namespace twice::experiments
