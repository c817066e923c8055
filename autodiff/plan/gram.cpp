// Pass: the Gram identity. For a product V = A B with inner size k,
//
//   |V|^2 = tr(B'A'A B) = <A'A, B B'>,
//
// two k x k matrices: the norm of a weight gradient a'd from the batch x batch matrices a a' and
// d d', without the weight gradient. Applied where no use needs V and that is cheaper in all.
#include "autodiff/ops/algebra.h"
#include "autodiff/plan/product_uses.h"
#include "autodiff/plan/rewrite.h"

namespace twice {

namespace {

int append_product(Graph& graph, const InnerProduct& p, double scale, const GraphNode& like) {
  const int node = append(graph, matmul_op({p.transpose_a, p.transpose_b}), {p.a, p.b}, like);
  set_product_sum(graph.at(node),
                  {{{p.a, p.b, p.transpose_a, p.transpose_b, scale, true}}, std::nullopt});
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
      const double scale = uses.product->scale;
      const int left = append_product(graph, use.left, 1, like);
      const int right = append_product(graph, use.right, 1, like);
      const int both = append(graph, arithmetic_op(Arithmetic::mul), {left, right}, like);
      const int scaled =
          scale == 1 ? both : append(graph, affine_op({scale * scale, 0}), {both}, like);
      graph.at(use.sum).op = sum_op(graph.at(use.sum).spec.shape);
      graph.at(use.sum).inputs = {scaled};
    }
  }
  return changed ? in_order(std::move(graph)) : graph;
}

}  // namespace twice
