// The squared norm of a sum of products without the sum, which only the planner makes:
//
//   |V|^2 = sum_uv s_u s_v <A_u'A_v, B_u B_v'>,    V = sum_u s_u A_u B_u.
//
// Where the products cancel, as the gradients of single examples do near a minimum, so do the inner
// products: by as many digits as |V|^2 is smaller than (sum |A_u||B_u|)^2. They are therefore
// computed in f64, of f32 factors; there is no such form for f64. When fewer digits than those of
// f32 are left even so, or a number is not finite, V is computed as it was recorded, a few rows
// at a time.
#pragma once

#include "autodiff/plan/product_sum.h"

namespace twice {

/// Whether the node is a sum of products for which there is this form.
bool has_product_norm(const GraphNode& node);

/// FLOPs of the form, counted twice, since those of f64 take twice the time of f32's.
double product_norm_time(const Graph& graph, const ProductSum& v);

/// Makes the node, of one number, compute the squared norm of v.
void set_product_norm(GraphNode& node, const ProductSum& v);

}  // namespace twice
