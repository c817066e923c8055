// Broadcasting and its adjoint, summation: the pair behind every bias, mean and norm.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// Repeats axes of size 1, and adds leading axes, to reach `shape`. Adjoint: `sum_to`.
Tensor broadcast_to(Tensor x, const Shape& shape);
/// Sums over leading axes that `shape` lacks and over axes where it has size 1.
/// Adjoint: `broadcast_to`. The sum runs in a fixed order at any thread count.
Tensor sum_to(Tensor x, const Shape& shape);

/// The sum over `axes` (all when none are given); with `keepdims` they stay with size 1.
Tensor sum(Tensor x, const Shape& axes = {}, bool keepdims = false);
/// sum / (number of elements summed).
Tensor mean(Tensor x, const Shape& axes = {}, bool keepdims = false);

/// sqrt(sum x^2) over `axes` (all when none are given), computed directly: x^2 must neither
/// overflow nor vanish.  dy/dx = x/y; where y is 0 every derivative is defined as 0, never NaN.
Tensor norm(Tensor x, const Shape& axes = {}, bool keepdims = false);

/// Broadcasts two inputs of the op `who` to their common shape (NumPy's rule).
void broadcast_together(const char* who, Tensor& a, Tensor& b);

/// An array of `value`s that costs one number until it is used.
Tensor full_like(Tensor x, double value);

}  // namespace twice
