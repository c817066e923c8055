// Pass: minimal filtering. A 3 x 3 convolution, an input gradient or a weight gradient with enough
// channels multiplies 16 numbers where its definition multiplies 36: the kernels are those of
// kernels/winograd.h, and the op knows for which shapes they pay.
#include "autodiff/plan/graph.h"

namespace twice {

Graph use_winograd(Graph graph) {
  for (GraphNode& node : graph.nodes)
    if (node.op)
      if (auto op = node.op->with_fewer_multiplications(graph.input_specs(node), node.spec))
        node.op = std::move(op);
  return graph;
}

}  // namespace twice
