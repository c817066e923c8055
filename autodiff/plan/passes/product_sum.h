// The accumulating product, which only the planner makes:
//
//   y = sum_i scale_i op(A_i) op(B_i) + addend_scale T
//
// The passes rewrite sums of matrix products into it (plan/passes/accumulate.cpp), so that they add
// up inside the product kernel and no single product is ever stored.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "autodiff/plan/graph.h"

namespace twice {

/// op(A) op(B): the values A and B are nodes of a graph.
struct InnerProduct {
  int a = 0, b = 0;
  bool transpose_a = false, transpose_b = false;
  friend bool operator==(const InnerProduct&, const InnerProduct&) = default;
};

/// scale op(A) op(B).
struct ProductTerm {
  int a = 0, b = 0;
  bool transpose_a = false, transpose_b = false;
  double scale = 1;
  /// Counted in Cost::small_products.
  bool small = false;
  /// Given where the term is a chain of three in another order than was recorded: the product P Q
  /// that one of its factors is (the left one when `inner_is_left`). Where that leaves the middle
  /// of the dtype's range, 2^-100 to 2^100 (f64: 2^-900 to 2^900), in its largest number, the term
  /// is computed in the recorded order: (A P) Q, or P (Q B).
  std::optional<InnerProduct> inner = std::nullopt;
  bool inner_is_left = false;
};

/// scale T.
struct AddendTerm {
  int node = 0;
  double scale = 1;
};

struct ProductSum {
  std::vector<ProductTerm> products;
  std::optional<AddendTerm> addend;
};

/// What the node computes, when it is a matrix product or a sum of them.
std::optional<ProductSum> as_product_sum(const GraphNode& node);

/// Makes the node compute `sum` instead; its spec must stay. One unscaled product becomes a plain
/// matmul again.
void set_product_sum(GraphNode& node, const ProductSum& sum);

/// FLOPs of one term, 2 m n k; m (m + 1) k for X X', which is symmetric.
double flops(const Graph& graph, const ProductTerm& term);

}  // namespace twice
