// Regular parts of a tensor and their adjoint: slice takes numbers out, pad puts them between
// zeros. Both also move i32 labels.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// Along each axis the entries start, start + step, ... before stop (after it, when the step is
/// negative). Negative starts and stops count from the end, as in Python: start -1, stop -(n + 1),
/// step -1 reverses an axis of n entries. Positions outside of the axis are an error.
/// Adjoint: `pad` with zeros between.
Tensor slice(Tensor x, const Shape& start, const Shape& stop, const Shape& step);
/// The same along one axis, all of the others.
Tensor slice(Tensor x, int axis, Index start, Index stop, Index step = 1);
/// Reverses the order along `axes` (all when none are given). Adjoint: itself.
Tensor flip(Tensor x, const Shape& axes = {});
/// Zeros around x: `before[i]` and `after[i]` of them along axis i. Adjoint: `slice`.
Tensor pad(Tensor x, const Shape& before, const Shape& after);

}  // namespace twice
