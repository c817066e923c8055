// Pooling of NHWC images over square windows. Average pooling is linear and has its own adjoint op.
// Max pooling saves the positions of the maxima as constants and gathers the numbers there, so its
// second derivative is zero. All ops throw unless x has rank 4 and a window fits into the padded
// image.
#pragma once

#include "autodiff/kernels/pool.h"
#include "autodiff/tape/tape.h"

namespace twice {

/// The mean of each window, where padding counts as zeros: (n, h, w, c) -> (n, oh, ow, c) with
/// oh = (h + 2 padding - window) / stride + 1, rounded down; ow likewise.
Tensor average_pool2d(Tensor x, const PoolGeometry& geometry = {});
/// The adjoint of `average_pool2d`: adds g / window^2 to each cell of each window, in images of
/// shape `x_shape`.
Tensor average_pool2d_adjoint(Tensor g, const PoolGeometry& geometry, const Shape& x_shape);

/// The maximum of each window, without the padding; NaN if the window contains a NaN. The
/// derivative is 1 at the first maximum of a window in row-major order, and 0 elsewhere.
Tensor max_pool2d(Tensor x, const PoolGeometry& geometry = {});
/// The position iy w + ix (i32) of the first maximum of each window.
Tensor max_pool2d_indices(Tensor x, const PoolGeometry& geometry = {});

/// The mean over height and width: (n, h, w, c) -> (n, c).
Tensor global_average_pool(Tensor x);

}  // namespace twice
