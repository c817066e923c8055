// Broadcasting and its adjoint, summation; means and norms.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// Repeats axes of size 1, and adds leading axes, to reach `shape`. Adjoint: `sum_to`. Throws if x
/// does not broadcast to `shape`.
Tensor broadcast_to(Tensor x, const Shape& shape);
/// Sums over the leading axes that `shape` lacks and over the axes where it has size 1. Adjoint:
/// `broadcast_to`. The order of the sum does not depend on the number of threads. Throws if `shape`
/// does not broadcast to x's shape.
Tensor sum_to(Tensor x, const Shape& shape);

/// The sum over `axes` (by default all). With `keepdims` the summed axes keep size 1.
Tensor sum(Tensor x, const Shape& axes = {}, bool keepdims = false);
/// The sum divided by the number of summed elements.
Tensor mean(Tensor x, const Shape& axes = {}, bool keepdims = false);

/// y = sqrt(sum x^2) over `axes` (by default all). The squares are computed, so they must neither
/// overflow nor underflow.  dy/dx = x/y. Where y is 0 the first derivative is 0 by definition.
Tensor norm(Tensor x, const Shape& axes = {}, bool keepdims = false);

/// Broadcasts both tensors to their common shape by NumPy's rule. Throws an error that starts with
/// `who` if there is none.
void broadcast_together(const char* who, Tensor& a, Tensor& b);
/// Records the op of two tensors that are broadcast together.
template <class OpType>
Tensor record_together(const char* who, Tensor a, Tensor b) {
  broadcast_together(who, a, b);
  return record<OpType>({a, b});
}

/// A tensor of x's shape and dtype in which every element is `value`. The tensor is stored as one
/// number until an op reads it.
Tensor full_like(Tensor x, double value);

}  // namespace twice
