// Ops that choose numbers by i32 indices, and the maximum and minimum built on them. Indices are
// saved constants: no derivative goes through them. An index out of range is an `Error` when the
// plan runs.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// y[k] = x[indices[k]]: picks entries along the first axis; y has shape indices.shape followed by
/// the other axes of x. Linear; adjoint: `scatter_add`.
Tensor gather(Tensor x, Tensor indices);
/// y = zeros of `size` entries along the first axis, then y[indices[k]] += x[k] in the order of k,
/// at any thread count. Linear; adjoint: `gather`.
Tensor scatter_add(Tensor x, Tensor indices, Index size);

/// y[..., k, ...] = x[..., indices[..., k, ...], ...] along `axis`: x and the indices agree on the
/// other axes. Linear; adjoint: `scatter_along`.
Tensor gather_along(Tensor x, Tensor indices, int axis);
/// The adjoint: zeros with `size` entries along `axis`, to which x is added at the indices.
Tensor scatter_along(Tensor x, Tensor indices, int axis, Index size);

/// y[..., c] = [labels[...] = c], of shape labels.shape + (classes), f32 or f64.
Tensor one_hot(Tensor labels, Index classes, DType dtype);

/// The position (i32) of the first largest number along an axis; NaN counts as the largest.
Tensor argmax(Tensor x, int axis, bool keepdims = false);
/// The position of the first smallest number; NaN counts as the smallest.
Tensor argmin(Tensor x, int axis, bool keepdims = false);
/// The largest number over `axes` (all when none are given); NaN when one is there.
/// The derivative is 1 at the first maximum in row-major order, 0 elsewhere.
Tensor max(Tensor x, const Shape& axes = {}, bool keepdims = false);
/// The smallest number; the derivative goes to the first minimum.
Tensor min(Tensor x, const Shape& axes = {}, bool keepdims = false);

}  // namespace twice
