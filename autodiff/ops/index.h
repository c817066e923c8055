// Ops that select numbers by i32 indices, and the maximum and minimum built from them. Indices are
// constants: they have no derivatives. If an index is out of range, the run of the plan throws.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// y[k] = x[indices[k]]: selects entries along the first axis. The shape of y is that of the
/// indices followed by the other axes of x. Linear; adjoint: `scatter_add`.
Tensor gather(Tensor x, Tensor indices);
/// y = 0 with `size` entries along the first axis, then y[indices[k]] += x[k] in the order of k.
/// The order does not depend on the number of threads. Linear; adjoint: `gather`. Throws
/// if size < 0.
Tensor scatter_add(Tensor x, Tensor indices, Index size);

/// y[..., k, ...] = x[..., indices[..., k, ...], ...] along `axis`. x and the indices have the same
/// sizes on the other axes. Linear; adjoint: `scatter_along`.
Tensor gather_along(Tensor x, Tensor indices, int axis);
/// The adjoint of `gather_along`: zeros with `size` entries along `axis`, to which x is added at
/// the indices.
Tensor scatter_along(Tensor x, Tensor indices, int axis, Index size);

/// y[..., c] = [labels[...] = c], of shape labels.shape + (classes) and dtype f32 or f64. Throws if
/// classes < 1.
Tensor one_hot(Tensor labels, Index classes, DType dtype);

/// The position (i32) of the first largest number along an axis; a NaN counts as the largest.
/// Throws if the axis has size 0.
Tensor argmax(Tensor x, int axis, bool keepdims = false);
/// The position (i32) of the first smallest number along an axis; a NaN counts as the smallest.
Tensor argmin(Tensor x, int axis, bool keepdims = false);
/// The largest number over `axes` (by default all); NaN if there is a NaN. The derivative is 1 at
/// the first maximum in row-major order, and 0 elsewhere.
Tensor max(Tensor x, const Shape& axes = {}, bool keepdims = false);
/// The smallest number over `axes`. The derivative is 1 at the first minimum, and 0 elsewhere.
Tensor min(Tensor x, const Shape& axes = {}, bool keepdims = false);

}  // namespace twice
