// Regular parts of a tensor: `slice` selects numbers, and its adjoint `pad` surrounds numbers with
// zeros. Both ops also accept i32 labels.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// Along each axis, the entries start, start + step, ... before stop (after stop, if the step is
/// negative). Negative starts and stops count from the end, as in Python: start -1, stop -(n + 1)
/// and step -1 reverse an axis of n entries. Throws if a position is outside the axis or a step is
/// 0. Adjoint: the entries at their old positions, with zeros elsewhere.
Tensor slice(Tensor x, const Shape& start, const Shape& stop, const Shape& step);
/// The slice along one axis, with all entries of the other axes.
Tensor slice(Tensor x, int axis, Index start, Index stop, Index step = 1);
/// Reverses the order along `axes` (by default all). `flip` is its own adjoint.
Tensor flip(Tensor x, const Shape& axes = {});
/// x surrounded by zeros: along axis i, before[i] of them before x and after[i] after it. Adjoint:
/// `slice`. Throws for negative counts.
Tensor pad(Tensor x, const Shape& before, const Shape& after);

}  // namespace twice
