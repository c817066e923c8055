// The uses of a sum of products V = sum_u s_u A_u B_u, such as a weight gradient a' d, that can be
// rewritten without V:
//
//   in a chain,  V D = sum_u s_u A_u (B_u D),
//   in a norm,   |V|^2 = sum_uv s_u s_v <A_u'A_v, B_u B_v'>.
//
// If the inner size of the products is the batch, both forms need only products with a
// batch x batch matrix. This file finds such uses and compares their costs. The passes
// `reassociate` and `gram` rewrite them.
#pragma once

#include <vector>

#include "autodiff/plan/passes/product_sum.h"

namespace twice {

/// A use in which V is a factor of term `term` of node `reader`. After the rewriting, each product
/// of V has its own chain of three: a term in which one factor is a new product.
struct ChainUse {
  struct Part {
    /// The new product: the left factor of the chain if `inner_is_left`, otherwise the right
    /// factor.
    InnerProduct inner;
    /// The term without the node of the new product.
    ProductTerm chain;
  };
  int reader;
  std::size_t term;
  std::vector<Part> parts;
  double flops_before, flops_after;
};

/// A use in which node `square` squares V and node `sum` adds up the squares.
struct NormUse {
  int square, sum;
  double flops_before, flops_after;
};

/// All uses of a value.
struct ProductUses {
  /// V, if the node is a sum of products without an addend, and its FLOPs.
  std::optional<ProductSum> sum;
  double flops = 0;
  std::vector<ChainUse> chains;
  std::vector<NormUse> norms;
  /// True if V has another reader or is an output, and must be computed anyway.
  bool others = false;

  /// The FLOPs saved if all uses are rewritten; -infinity if V has other uses or is no such sum.
  double saving() const;
};

ProductUses product_uses(const Graph& graph, int node, const std::vector<std::vector<int>>& readers,
                         const std::vector<char>& output);

}  // namespace twice
