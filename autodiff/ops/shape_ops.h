// Ops that move numbers without computing any.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// The same numbers in row-major order under another shape; one size may be -1
/// (inferred). Adjoint: reshape back. Costs nothing: the planner shares the memory.
Tensor reshape(Tensor x, const Shape& shape);
/// The same value, cut off from its inputs: every derivative through it is zero.
Tensor stop_gradient(Tensor x);

}  // namespace twice
