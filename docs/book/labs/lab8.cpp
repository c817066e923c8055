// Lab 8: associativity as a pass of the planner. Grade it with `./twice test lab 8`.
//
// The pass `accumulate` has run. Each node that multiplies matrices computes a sum of products
// (autodiff/plan/passes/product_sum.h),
//
//   y = sum_i scale_i op(A_i) op(B_i) + addend,     op(A) is A or A' (transpose_a, transpose_b).
//
// A factor of such a product may be a product V = v.scale op(P) op(Q) itself. Then three matrices
// are multiplied, and there are two orders:
//
//   (P Q) Z = P (Q Z)      (P Q)' Z = Q' (P' Z)      Z (P Q) = (Z P) Q      Z (P Q)' = (Z Q') P'
//
// 1. `other_order` returns the order that was not recorded. Z, P and Q may be transposed too.
// 2. `cheaper_chains` looks at each product of each node. Where a factor is a single product, it
//    compares FLOPs: those of the recorded product V Z (V exists and costs nothing here) with those
//    of both products of the other order. It rewrites the product if the other order costs less.
//
// Tools: `as_product_sum(graph.at(node))` reads a node and `set_product_sum(graph.at(node), sum)`
// writes it. `single_product` and `append_product` are in lab8.h. `flops(graph, term)` counts a
// product whose factors are nodes of the graph. `in_order(graph)` sorts the nodes and drops those
// that no output needs: a V whose readers have all been rewritten goes. Nodes that `append_product`
// adds stand at the end of the graph; do not look for chains there.
#include "docs/book/labs/lab8.h"

using namespace twice;

namespace lab8 {

Chain other_order(const ProductTerm& term, const ProductTerm& v, bool v_is_left) {
  // Your code here.
  (void)v, (void)v_is_left;
  return {term, term};
}

Graph cheaper_chains(Graph graph) {
  // Your code here.
  return graph;
}

}  // namespace lab8
