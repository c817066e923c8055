// Pooling of NHWC images over square windows. Average pooling is Linear with its own adjoint; max
// pooling saves the positions of the maxima as constants and gathers there, so that its
// second derivative is that of a gather: zero.
#pragma once

#include "autodiff/kernels/pool.h"
#include "autodiff/tape/tape.h"

namespace twice {

/// The mean of each window, padding counted as zeros: (n, h, w, c) -> (n, oh, ow, c) with
/// oh = (h + 2 padding - window) / stride + 1, rounded down; ow likewise.
Tensor average_pool2d(Tensor x, const PoolGeometry& geometry = {});
/// The adjoint: spreads g / window^2 over each window of images of shape `x_shape`.
Tensor average_pool2d_adjoint(Tensor g, const PoolGeometry& geometry, const Shape& x_shape);

/// The maximum of each window, padding never counted; NaN when the window holds one.
/// The derivative is 1 at the first maximum of a window in row-major order, 0 elsewhere.
Tensor max_pool2d(Tensor x, const PoolGeometry& geometry = {});
/// Where they are: the position iy w + ix of each window's first maximum (i32).
Tensor max_pool2d_indices(Tensor x, const PoolGeometry& geometry = {});

/// The mean over height and width: (n, h, w, c) -> (n, c).
Tensor global_average_pool(Tensor x);

}  // namespace twice
