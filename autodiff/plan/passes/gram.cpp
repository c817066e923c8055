// Pass: the Gram identity. For a product V = A B with inner size k,
//
//   |V|^2 = tr(B'A'A B) = <A'A, B B'>,
//
// with two k x k matrices. For a weight gradient V = a'd, k is the batch, and the identity needs a
// a' and d d' instead of V. The pass applies it if no use needs V and the total cost falls. The op
// that adds up the inner products checks that enough digits remain (product_norm.h).
#include "autodiff/ops/algebra.h"
#include "autodiff/plan/passes/product_norm.h"
#include "autodiff/plan/passes/product_uses.h"
#include "autodiff/plan/passes/rewrite.h"

namespace twice {

namespace {

int append_product(Graph& graph, const InnerProduct& p, const GraphNode& like) {
  const int node = append(graph, matmul_op({p.transpose_a, p.transpose_b}), {p.a, p.b}, like);
  set_product_sum(graph.at(node),
                  {{{p.a, p.b, p.transpose_a, p.transpose_b, 1, true}}, std::nullopt});
  return node;
}

}  // namespace

Graph gram_identity(Graph graph) {
  const auto readers = readers_of(graph);
  const std::vector<char> output = is_output(graph);
  const int count = static_cast<int>(graph.nodes.size());
  bool changed = false;
  for (int node = 0; node < count; ++node) {
    const ProductUses uses = product_uses(graph, node, readers, output);
    if (uses.norms.empty() || uses.saving() <= 0) continue;
    changed = true;
    for (const NormUse& use : uses.norms) {
      const GraphNode like = graph.at(use.square);
      std::vector<int> inner;
      for (const InnerPair& pair : inner_pairs(*uses.sum))
        for (const InnerProduct& product : {pair.left, pair.right})
          inner.push_back(append_product(graph, product, like));
      set_product_norm(graph.at(use.sum), *uses.sum, inner);
    }
  }
  return changed ? in_order(std::move(graph)) : graph;
}

}  // namespace twice
