// Pass: removes the nodes that no output depends on. Differentiation records a cotangent for each
// input of each op, needed or not.
#include "autodiff/plan/graph.h"

namespace twice {

Graph dead_code(Graph graph) {
  const std::size_t count = graph.nodes.size();
  std::vector<char> needed(count, 0);
  for (int output : graph.outputs) needed[static_cast<std::size_t>(output)] = 1;
  for (std::size_t i = count; i-- > 0;)
    if (needed[i])
      for (int input : graph.nodes[i].inputs) needed[static_cast<std::size_t>(input)] = 1;

  Graph result;
  std::vector<int> moved(count, -1);
  for (std::size_t i = 0; i < count; ++i) {
    if (!needed[i]) continue;
    moved[i] = static_cast<int>(result.nodes.size());
    result.nodes.push_back(std::move(graph.nodes[i]));
    for (int& input : result.nodes.back().inputs) input = moved[static_cast<std::size_t>(input)];
  }
  for (int output : graph.outputs)
    result.outputs.push_back(moved[static_cast<std::size_t>(output)]);
  return result;
}

}  // namespace twice
