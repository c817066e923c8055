// Breaks: 6L - 4 products of full size: exact
// Looks at left factors only, so a V and d V' keep V.
#include "docs/book/labs/lab8.h"

using namespace twice;

namespace lab {

Chain other_order(const ProductTerm& term, const ProductTerm& v, bool v_is_left) {
  const bool v_transposed = v_is_left ? term.transpose_a : term.transpose_b;
  // op(V) = X Y, which is P Q, or Q' P'.
  const int x = v_transposed ? v.b : v.a, y = v_transposed ? v.a : v.b;
  const bool x_transposed = v_transposed ? !v.transpose_b : v.transpose_a;
  const bool y_transposed = v_transposed ? !v.transpose_a : v.transpose_b;
  const double scale = term.scale * v.scale;
  if (v_is_left)  // (X Y) Z = X (Y Z)
    return {{y, term.b, y_transposed, term.transpose_b},
            {x, inner_node, x_transposed, false, scale}};
  // Z (X Y) = (Z X) Y
  return {{term.a, x, term.transpose_a, x_transposed}, {inner_node, y, false, y_transposed, scale}};
}

namespace {

/// Rewrites one product of the node if the other order costs less. Returns whether it does.
bool rewrite(Graph& graph, int node, ProductTerm& term, bool v_is_left) {
  const std::optional<ProductTerm> v = single_product(graph, v_is_left ? term.a : term.b);
  if (!v) return false;
  Chain chain = other_order(term, *v, v_is_left);
  // If the other order costs more, nothing reads this node, and `in_order` drops it.
  const int inner = append_product(graph, chain.inner, node);
  (chain.outer.a == inner_node ? chain.outer.a : chain.outer.b) = inner;
  if (flops(graph, chain.inner) + flops(graph, chain.outer) >= flops(graph, term)) return false;
  term = chain.outer;
  return true;
}

}  // namespace

Graph cheaper_chains(Graph graph) {
  const int count = static_cast<int>(graph.nodes.size());
  for (int node = 0; node < count; ++node) {
    std::optional<ProductSum> sum = as_product_sum(graph.at(node));
    if (!sum) continue;
    bool changed = false;
    for (ProductTerm& term : sum->products) changed |= rewrite(graph, node, term, true);
    if (changed) set_product_sum(graph.at(node), *sum);
  }
  return in_order(std::move(graph));
}

}  // namespace lab
