// Two-dimensional convolution of NHWC images with HWIO kernels: the Trilinear family. Each of the
// three ops is the form T(x, w, g) = <conv2d(x, w), g> with one slot left open. The derivatives of
// each op are the two others, so every higher derivative exists. All three throw if the shapes do
// not fit.
#pragma once

#include "autodiff/kernels/conv.h"
#include "autodiff/tape/tape.h"

namespace twice {

/// y = x * w: x (n, h, w, ci) and w (kh, kw, ci / groups, co) give y (n, oh, ow, co) with
/// oh = (h + 2 padding - dilation (kh - 1) - 1) / stride + 1, rounded down; ow likewise. Each of
/// the three ops takes 2 n oh ow co (ci / groups) kh kw FLOPs.
Tensor conv2d(Tensor x, Tensor w, const ConvGeometry& geometry = {});
/// The gradient of <conv2d(x, w), g> with respect to x, of shape `x_shape`: the adjoint of conv2d
/// in its images, also called transposed convolution.
Tensor conv2d_input_grad(Tensor w, Tensor g, const ConvGeometry& geometry, const Shape& x_shape);
/// The gradient of <conv2d(x, w), g> with respect to w, of shape `w_shape`.
Tensor conv2d_weight_grad(Tensor x, Tensor g, const ConvGeometry& geometry, const Shape& w_shape);

}  // namespace twice
