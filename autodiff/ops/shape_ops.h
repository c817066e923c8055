// Ops that move numbers or rename axes, without arithmetic.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// The same numbers in row-major order under another shape. One size may be -1; it is computed from
/// the others. Adjoint: the reshape back. Costs nothing: the planner shares the memory. Throws if
/// the numbers of elements differ.
Tensor reshape(Tensor x, const Shape& shape);
/// Axis i of y is axis axes[i] of x. Adjoint: the inverse order. Throws unless `axes` lists every
/// axis once.
Tensor permute(Tensor x, const Shape& axes);
/// Swaps two axes, by default the last two: the transpose of a matrix.
Tensor transpose(Tensor x, int axis_a = -2, int axis_b = -1);

/// y = x, with every derivative zero.
Tensor stop_gradient(Tensor x);

}  // namespace twice
