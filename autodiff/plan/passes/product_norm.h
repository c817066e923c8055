// The squared norm of a sum of products from inner products, which only the planner makes:
//
//   |V|^2 = sum_uv s_u s_v <A_u'A_v, B_u B_v'>,    V = sum_u s_u A_u B_u.
//
// Where the products cancel, as the gradients of single examples do near a minimum, so do the inner
// products: they lose as many digits as |V|^2 is smaller than S^2 = (sum |s||a||b|)^2, with the
// columns a of A and the rows b of B. Where it is less than S^2 / 256, or where the inner products
// leave the middle of the dtype's range, V is computed as it was recorded, a few rows at a time.
#pragma once

#include "autodiff/plan/passes/product_sum.h"

namespace twice {

/// A pair of inner products, A_u'A_v and B_u B_v' with u <= v.
struct InnerPair {
  std::size_t u, v;
  InnerProduct left, right;
};
std::vector<InnerPair> inner_pairs(const ProductSum& v);

/// Makes the node, of one number, compute the squared norm of v from nodes that compute the inner
/// products, in the order of `inner_pairs`: left, right, left, ...
void set_product_norm(GraphNode& node, const ProductSum& v, const std::vector<int>& inner);

}  // namespace twice
