// Pass: minimal filtering. A 3 x 3 convolution, or its input or weight gradient, with enough
// channels uses 16 multiplications where its definition uses 36. kernels/winograd.h has the
// kernels. The op decides for which shapes they are faster.
#include "autodiff/ops/algebra.h"
#include "autodiff/plan/graph.h"

namespace twice {

Graph use_winograd(Graph graph) {
  for (GraphNode& node : graph.nodes)
    if (const KernelForms* forms = node.op ? kernel_forms(*node.op) : nullptr)
      if (auto op = forms->with_fewer_multiplications(graph.input_specs(node), node.spec))
        node.op = std::move(op);
  return graph;
}

}  // namespace twice
