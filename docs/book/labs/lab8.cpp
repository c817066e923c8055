// Lab 8: associativity, as a pass of the planner.
//
// The pass `accumulate` has run. Each node that multiplies matrices computes a sum of products,
//
//   y = sum_i scale_i op(A_i) op(B_i) + addend,     op(A) is A or A'.
//
// A node is read as a `ProductSum`, and one of its products is a `ProductTerm`
// (autodiff/plan/passes/product_sum.h). A factor of such a product can be a product V = P Q itself.
// Then three matrices are multiplied, and there are two orders:
//
//   (P Q) Z = P (Q Z)      (P Q)' Z = Q' (P' Z)      Z (P Q) = (Z P) Q      Z (P Q)' = (Z Q') P'
//
// 1. Write `other_order`, which returns the order that was not recorded. P, Q and Z can have
//    transpose flags, too, and both products can have a scale.
// 2. Write `cheaper_chains`. For each product of each node, and for each factor that is a single
//    product V, compare the FLOPs of V Z with the FLOPs of both products of the other order. (V
//    exists already, so its FLOPs do not count.) Rewrite the product if the other order has fewer.
//    The other products of the node and its addend stay.
//
// The tools, with `single_product` and `append_product` from lab8.h:
//
//   as_product_sum(graph.at(node))         the products of a node; nothing for another op
//   set_product_sum(graph.at(node), sum)   gives a node other products
//   single_product(graph, node)            the product of a node that has one and no addend
//   append_product(graph, product, node)   appends a node for the product, and returns its index
//   flops(graph, term)                     the FLOPs of a product whose factors are nodes
//   in_order(graph)                        sorts the nodes and drops those that no output needs
//
// Nodes that `append_product` adds stand at the end of the graph, until `in_order` sorts them. So
// return in_order(std::move(graph)). It also drops each V that has no reader any more.
//
// The grader runs the pass on chains and on the exact gradient of MLPs:
//
//   ./twice test lab 8
#include "docs/book/labs/lab8.h"

using namespace twice;

namespace lab {

Chain other_order(const ProductTerm& term, const ProductTerm& v, bool v_is_left) {
  // Your code here.
  (void)v, (void)v_is_left;
  return {term, term};
}

Graph cheaper_chains(Graph graph) {
  // Your code here.
  return graph;
}

}  // namespace lab
