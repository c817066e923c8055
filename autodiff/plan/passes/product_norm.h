// The squared norm of a sum of products, computed from inner products. Only the planner makes it.
//
//   |V|^2 = sum_uv s_u s_v <A_u'A_v, B_u B_v'>,    V = sum_u s_u A_u B_u.
//
// If the products nearly cancel, as the gradients of single examples do near a minimum, the inner
// products cancel too. The relative error of |V|^2 then grows with S^2 / |V|^2, where S = sum
// |s||a||b| over the columns a of A and the rows b of B. If |V|^2 is less than S^2 / 256, or if the
// inner products leave the middle of the dtype's range, V is computed as recorded, a few rows at a
// time.
#pragma once

#include "autodiff/plan/passes/product_sum.h"

namespace twice {

/// A pair of inner products, A_u'A_v and B_u B_v' with u <= v.
struct InnerPair {
  std::size_t u, v;
  InnerProduct left, right;
};
/// The inner products for the norm of v: one pair for each u <= v.
std::vector<InnerPair> inner_pairs(const ProductSum& v);

/// Makes `node`, whose value is one number, compute the squared norm of v. `inner` lists the nodes
/// of the inner products in the order of `inner_pairs`: left, right, left, ...
void set_product_norm(GraphNode& node, const ProductSum& v, const std::vector<int>& inner);

}  // namespace twice
