// How the readers of a sum of products V = sum_u s_u A_u B_u (such as a weight gradient, a'd) can
// do without it:
//
//   in a chain, V D = sum_u s_u A_u (B_u D),    and in a norm, |V|^2 = sum_uv s_u s_v <A_u'A_v, B_u
//   B_v'>.
//
// With the sum over the batch inside V, both need only products with a batch x batch matrix. The
// passes `reassociate` and `gram` rewrite such uses; here they are found and their cost compared.
#pragma once

#include <vector>

#include "autodiff/plan/passes/product_sum.h"

namespace twice {

/// V is a factor of term `term` of node `reader`. Afterwards there is a chain of three in its place
/// for each product of V: the term with one factor, for which a node must be made still.
struct ChainUse {
  struct Part {
    /// The factor that is not a node yet, the left one when `inner_is_left`.
    InnerProduct inner;
    /// Everything but the node of that factor.
    ProductTerm chain;
  };
  int reader;
  std::size_t term;
  std::vector<Part> parts;
  double flops_before, flops_after;
};

/// V is squared by node `square`, which is summed up by node `sum`.
struct NormUse {
  int square, sum;
  double flops_before, flops_after;
};

struct ProductUses {
  /// V, when the node is a sum of products without an addend; its FLOPs.
  std::optional<ProductSum> sum;
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
