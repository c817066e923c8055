// Pooling of NHWC images over square windows. Average pooling is linear. Max pooling selects one
// pixel for each window (`max_pool_indices`, a constant for derivatives) and then gathers the
// pixels. The gather is linear, and its adjoint is a scatter.
#pragma once

#include "autodiff/array/array.h"

namespace twice {

/// Window, stride and padding in pixels. Padding is added on every side and must be less than the
/// window.
struct PoolGeometry {
  Index window = 2, stride = 2, padding = 0;
  bool operator==(const PoolGeometry&) const = default;
};

namespace kernel {

/// (n, h, w, c) -> (n, oh, ow, c) with oh = (h + 2 padding - window) / stride + 1, rounded down; ow
/// likewise. Throws an error that starts with `who` if the window exceeds the padded image.
Shape pool2d_shape(const Shape& x, const PoolGeometry& geometry, std::string_view who = "pool2d");

// The kernels overwrite all of their output. All arrays are contiguous, and all float arrays of a
// call have one dtype.

/// The mean over the window^2 cells of each window, where padding counts as zeros.
void average_pool(const Array& x, const PoolGeometry& geometry, const Array& y);

/// The x with <x, x'> = <average_pool(x'), g> for every x': the adjoint.
void average_pool_adjoint(const Array& g, const PoolGeometry& geometry, const Array& x);

/// For each output, the position iy w + ix (i32) of the first maximum of its window in row-major
/// order, within the image and channel. NaN counts as the maximum; padding is never chosen.
void max_pool_indices(const Array& x, const PoolGeometry& geometry, const Array& indices);

/// y[n, oy, ox, c] = x[n, indices[n, oy, ox, c], c], where x is viewed as (n, h w, c). The indices
/// are not checked: they must come from `max_pool_indices` for images of the same shape.
void pool_gather(const Array& x, const Array& indices, const Array& y);

/// The adjoint of `pool_gather`: x = 0, then x[n, indices[n, oy, ox, c], c] += g[n, oy, ox, c].
void pool_scatter(const Array& g, const Array& indices, const Array& x);

}  // namespace kernel
}  // namespace twice
