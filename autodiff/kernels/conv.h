// Two-dimensional convolution (strictly: correlation) of NHWC images with HWIO kernels, and its two
// adjoints. The three functions are one trilinear form, T(x, w, g) = <conv2d(x, w), g>, with one
// slot left open each. The derivatives of each function are the other two.
#pragma once

#include <cstddef>
#include <span>

#include "autodiff/array/array.h"

namespace twice {

/// Stride, padding, dilation and groups, equal in both directions. Padding is the number of zeros
/// on every side of the image.
struct ConvGeometry {
  Index stride = 1, padding = 0, dilation = 1, groups = 1;
  bool operator==(const ConvGeometry&) const = default;
};

namespace kernel {

/// The slots of T(x, w, g) = <conv2d(x, w), g>: images, kernel and cotangent of the output.
enum class ConvSlot { images, kernel, outputs };

/// The shape of y = conv2d(x, w): x (n, h, w, ci) and w (kh, kw, ci / groups, co) give
/// (n, oh, ow, co) with oh = (h + 2 padding - dilation (kh - 1) - 1) / stride + 1, rounded down; ow
/// likewise. Throws an error that starts with `who` if the shapes do not fit or the dilated kernel
/// exceeds the padded image.
Shape conv2d_shape(const Shape& x, const Shape& w, const ConvGeometry& geometry,
                   std::string_view who = "conv2d");

/// FLOPs of each of the three functions, 2 n oh ow co (ci / groups) kh kw. Products with padding
/// count.
Index conv2d_flops(const Shape& x, const Shape& w, const ConvGeometry& geometry);

/// The two inputs of one convolution of a sum, in the order in which the function takes them.
struct ConvTerm {
  const Array *first = nullptr, *second = nullptr;
};
/// The maximum number of convolutions in a sum.
inline constexpr std::size_t most_convolutions = 8;

// Bytes of workspace for the functions below, for a sum of `terms` convolutions. The sizes depend
// on the shapes only, not on the number of threads. x and w are the shapes of the forward
// convolution in all three functions.
std::size_t conv2d_workspace(const Shape& x, const Shape& w, const ConvGeometry& geometry,
                             DType dtype, std::size_t terms = 1);
std::size_t conv2d_input_grad_workspace(const Shape& x, const Shape& w,
                                        const ConvGeometry& geometry, DType dtype,
                                        std::size_t terms = 1);
std::size_t conv2d_weight_grad_workspace(const Shape& x, const Shape& w,
                                         const ConvGeometry& geometry, DType dtype);

// The functions allocate nothing, and they overwrite all of their output or add to all of it.
// Results have the same bits for every number of threads. All arrays are contiguous and have the
// same dtype, f32 or f64. The workspace is aligned for that dtype (64 bytes are best). Each
// function computes a sum of 1 to most_convolutions convolutions whose inputs have the same shapes.
// The terms are added in registers, so each output is written once.

/// y[n, oy, ox, o] = sum over terms (x, w), ky, kx, i of x[n, iy, ix, i] w[ky, kx, i, o],
///     iy = oy stride + ky dilation - padding, ix = ox stride + kx dilation - padding.
/// Pixels outside the image are zero. With groups, output channel o reads only the input channels
/// of its own group. With `add`, the sum is added to y. A NaN or an infinity in x reaches the
/// outputs that read it. If the output has fewer channels than a vector has lanes, neighbouring
/// outputs in the row may become NaN too, because positions are computed together.
void conv2d(std::span<const ConvTerm> terms, const ConvGeometry& geometry, const Array& y,
            std::byte* workspace, bool add = false);

/// The x with <x, x'> = sum over terms (w, g) of <conv2d(x', w), g> for every x': the adjoint of
/// conv2d in its images. With `add`, the result is added to x.
void conv2d_input_grad(std::span<const ConvTerm> terms, const ConvGeometry& geometry,
                       const Array& x, std::byte* workspace, bool add = false);

/// The w with <w, w'> = sum over terms (x, g) of <conv2d(x, w'), g> for every w': the adjoint of
/// conv2d in its kernel.
void conv2d_weight_grad(std::span<const ConvTerm> terms, const ConvGeometry& geometry,
                        const Array& w, std::byte* workspace);

}  // namespace kernel
}  // namespace twice
