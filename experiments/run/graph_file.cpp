// Which nodes are needed, their new numbers, and each as JSON.
#include "experiments/run/graph_file.h"

#include "experiments/files/json.h"

namespace twice::experiments {

namespace {

/// For each node of the tape whether an output needs it.
std::vector<char> needed_by(const Tape& tape, const Tensors& outputs) {
  std::vector<char> needed(static_cast<std::size_t>(tape.size()), 0);
  for (Tensor output : outputs) needed[static_cast<std::size_t>(output.index())] = 1;
  for (int i = tape.size(); i-- > 0;)
    if (needed[static_cast<std::size_t>(i)])
      for (int input : tape.inputs_of(tape.node(i))) needed[static_cast<std::size_t>(input)] = 1;
  return needed;
}

}  // namespace

Json graph_json(const Tensors& outputs, const std::map<int, std::string>& names,
                const std::string& prefix, TensorFile& file) {
  if (outputs.empty()) fail("graph", "a graph needs at least one output");
  Tape& tape = outputs[0].tape();
  const std::vector<char> needed = needed_by(tape, outputs);
  std::vector<int> place(needed.size(), -1);
  Json nodes = Json::array();
  for (int i = 0; i < tape.size(); ++i) {
    if (!needed[static_cast<std::size_t>(i)]) continue;
    const Node& node = tape.node(i);
    Json entry;
    if (node.op) {
      Json inputs = Json::array();
      for (int input : tape.inputs_of(node))
        inputs.push_back(place[static_cast<std::size_t>(input)]);
      entry = {{"op", node.op->name()},
               {"attributes", node.op->attributes()},
               {"inputs", inputs},
               {"phase", str(node.phase)}};
    } else if (const auto known = names.find(i); known != names.end()) {
      entry["leaf"] = known->second;
    } else {
      if (node.kind == NodeKind::input)
        fail("graph", "input '{}' (node {}) has no array to write", tape.name(node), i);
      entry["leaf"] = fmt::format("{}constant.{}", prefix, i);
      file.tensors.emplace_back(entry["leaf"], tape.stored(node));
    }
    entry["shape"] = std::vector<Index>(node.spec.shape.begin(), node.spec.shape.end());
    entry["dtype"] = str(node.spec.dtype);
    place[static_cast<std::size_t>(i)] = static_cast<int>(nodes.size());
    nodes.push_back(std::move(entry));
  }
  Json places = Json::array();
  for (Tensor output : outputs) places.push_back(place[static_cast<std::size_t>(output.index())]);
  return {{"nodes", nodes}, {"outputs", places}};
}

}  // namespace twice::experiments
