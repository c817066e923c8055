// How the readers of a product V = A B (such as a weight gradient, a'd) can do without it:
//
//   in a chain, V D = A (B D),    and in a norm, |V|^2 = <A'A, B B'>.
//
// With the sum over the batch inside V, both need only products with a batch x batch matrix. The
// passes `reassociate` and `gram` rewrite such uses; here they are found and their cost compared.
#pragma once

#include <vector>

#include "autodiff/plan/product_sum.h"

namespace twice {

/// op(A) op(B), not yet a node.
struct InnerProduct {
  int a, b;
  bool transpose_a, transpose_b;
  friend bool operator==(const InnerProduct&, const InnerProduct&) = default;
};

/// V is a factor of term `term` of node `reader`. Afterwards that term has the product `inner` for
/// one factor (the left one when `inner_is_left`) and the node `outer`, transposed or not, for the
/// other.
struct ChainUse {
  int reader;
  std::size_t term;
  InnerProduct inner;
  bool inner_is_left;
  int outer;
  bool transpose_outer;
  double flops_before, flops_after;
};

/// V is squared by node `square`, which is summed up by node `sum`: |V|^2 = <left, right>.
struct NormUse {
  int square, sum;
  InnerProduct left, right;
  double flops_before, flops_after;
};

struct ProductUses {
  /// V, when the node is one product; its FLOPs.
  std::optional<ProductTerm> product;
  double flops = 0;
  std::vector<ChainUse> chains;
  std::vector<NormUse> norms;
  /// Something else reads V, or it is an output: it must be formed.
  bool others = false;

  /// FLOPs that are saved when every use does without V; never when there are others.
  double saving() const;
};

ProductUses product_uses(const Graph& graph, int node, const std::vector<std::vector<int>>& readers,
                         const std::vector<char>& output);

}  // namespace twice
