// Ops that move numbers, or only rename their axes, without computing any.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// The same numbers in row-major order under another shape; one size may be -1
/// (inferred). Adjoint: reshape back. Costs nothing: the planner shares the memory.
Tensor reshape(Tensor x, const Shape& shape);
/// Axis i of y is axis axes[i] of x; `axes` lists every axis once. Adjoint: the inverse order.
Tensor permute(Tensor x, const Shape& axes);
/// Swaps two axes, by default the last two: the transpose of a matrix.
Tensor transpose(Tensor x, int axis_a = -2, int axis_b = -1);

/// The same value, cut off from its inputs: every derivative through it is zero.
Tensor stop_gradient(Tensor x);

}  // namespace twice
