// Two-dimensional convolution of NHWC images with HWIO kernels: the Trilinear family. The three
// ops are one form T(x, w, g) = <conv2d(x, w), g> with one slot left open each, so the
// derivatives of each are the two others and every higher derivative exists.
#pragma once

#include "autodiff/kernels/conv.h"
#include "autodiff/tape/tape.h"

namespace twice {

/// y = x * w: x (n, h, w, ci), w (kh, kw, ci / groups, co) -> (n, oh, ow, co) with
/// oh = (h + 2 padding - dilation (kh - 1) - 1) / stride + 1, rounded down; ow likewise.
/// 2 n oh ow co (ci / groups) kh kw FLOPs, as have the other two.
Tensor conv2d(Tensor x, Tensor w, const ConvGeometry& geometry = {});
/// The gradient by x (of shape `x_shape`) of <conv2d(x, w), g>: the adjoint of conv2d in its
/// images, also known as transposed convolution.
Tensor conv2d_input_grad(Tensor w, Tensor g, const ConvGeometry& geometry, const Shape& x_shape);
/// The gradient by w (of shape `w_shape`) of <conv2d(x, w), g>.
Tensor conv2d_weight_grad(Tensor x, Tensor g, const ConvGeometry& geometry, const Shape& w_shape);

}  // namespace twice
