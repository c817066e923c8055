// Pass: the Gram identity. For a product V = A B with inner size k,
//
//   |V|^2 = tr(B'A'A B) = <A'A, B B'>,
//
// two k x k matrices: the norm of a weight gradient a'd from the batch x batch matrices a a' and
// d d', without the weight gradient. Applied where no use needs V and that is cheaper in all.
#include "autodiff/plan/product_norm.h"
#include "autodiff/plan/product_uses.h"
#include "autodiff/plan/rewrite.h"

namespace twice {

Graph gram_identity(Graph graph) {
  const auto readers = readers_of(graph);
  const std::vector<char> output = is_output(graph);
  bool changed = false;
  for (int node = 0; node < static_cast<int>(graph.nodes.size()); ++node) {
    const ProductUses uses = product_uses(graph, node, readers, output);
    if (uses.norms.empty() || uses.saving() <= 0) continue;
    changed = true;
    for (const NormUse& use : uses.norms) set_product_norm(graph.at(use.sum), *uses.sum);
  }
  return changed ? in_order(std::move(graph)) : graph;
}

}  // namespace twice
