// Pass: minimal filtering. A 3 x 3 convolution, an input gradient or a weight gradient with enough
// channels multiplies 16 numbers where its definition multiplies 36. The kernels are those of
// kernels/winograd.h; the op knows for which shapes they are faster.
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
