// The accumulating product. Only the planner makes it:
//
//   y = sum_i scale_i op(A_i) op(B_i) + addend_scale T
//
// The pass `accumulate` (plan/passes/accumulate.cpp) rewrites sums of matrix products into this
// form. The terms are added inside the product kernel, so no single product is stored.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "autodiff/plan/graph.h"

namespace twice {

/// op(A) op(B), where op transposes if its flag is set. A and B are nodes of a graph.
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
  /// True if the term counts in Cost::small_products.
  bool small = false;
  /// Set if the term is a chain of three matrices, not in the recorded order: the product P Q
  /// that stands for one of the factors (the left one if `inner_is_left`). If the largest number of
  /// P Q is outside 2^-100 to 2^100 (f64: 2^-900 to 2^900), the term is computed in the recorded
  /// order: (A P) Q, or P (Q B).
  std::optional<InnerProduct> inner = std::nullopt;
  bool inner_is_left = false;
};

/// scale T.
struct AddendTerm {
  int node = 0;
  double scale = 1;
};

/// A sum of products and, possibly, one more value.
struct ProductSum {
  std::vector<ProductTerm> products;
  std::optional<AddendTerm> addend;
};

/// The sum that the node computes, if the node is a matrix product or a sum of products.
std::optional<ProductSum> as_product_sum(const GraphNode& node);

/// Makes the node compute `sum`, which must have the node's spec. One unscaled product becomes a
/// plain matmul.
void set_product_sum(GraphNode& node, const ProductSum& sum);

/// FLOPs of one term: 2 m n k; m (m + 1) k for X X', which is symmetric.
double flops(const Graph& graph, const ProductTerm& term);

}  // namespace twice
