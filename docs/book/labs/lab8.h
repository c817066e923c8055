// Lab 8: what the pass gives to the grader, and the parts of the planner that the pass uses.
#pragma once

#include <optional>

#include "autodiff/ops/algebra.h"
#include "autodiff/plan/graph.h"
#include "autodiff/plan/passes/product_sum.h"
#include "autodiff/plan/passes/rewrite.h"

namespace lab {

/// Stands for the node of `Chain::inner`, which does not exist yet.
constexpr int inner_node = -1;

/// A product of three factors: first `inner`, the product of two of them, and then `outer`, one
/// factor of which is `inner_node`.
struct Chain {
  twice::ProductTerm inner, outer;
};

/// `term` multiplies by V: by its left factor if `v_is_left`, else by its right factor. V is the
/// product `v`. Returns the same value with the parentheses in the other place.
Chain other_order(const twice::ProductTerm& term, const twice::ProductTerm& v, bool v_is_left);

/// The pass: each product of three factors takes the order with fewer FLOPs.
twice::Graph cheaper_chains(twice::Graph graph);

/// The product that the node computes, if the node computes one product and adds nothing to it.
inline std::optional<twice::ProductTerm> single_product(const twice::Graph& graph, int node) {
  const std::optional<twice::ProductSum> sum = twice::as_product_sum(graph.at(node));
  if (!sum || sum->products.size() != 1 || sum->addend) return std::nullopt;
  return sum->products[0];
}

/// Appends a node that computes the product and returns its index. The node takes its place in the
/// order of the graph, its phase and its scope from the node `like`.
inline int append_product(twice::Graph& graph, const twice::ProductTerm& product, int like) {
  const twice::GraphNode origin = graph.at(like);
  const int node =
      twice::append(graph, twice::matmul_op({product.transpose_a, product.transpose_b}),
                    {product.a, product.b}, origin);
  twice::set_product_sum(graph.at(node), {{product}, std::nullopt});
  return node;
}

}  // namespace lab
