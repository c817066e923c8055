// Two-dimensional convolution (strictly: correlation) of NHWC images with HWIO kernels, and
// its two adjoints. The three are one trilinear form, T(x, w, g) = <conv2d(x, w), g>, with
// one slot left open each: so each one's derivatives are the other two.
#pragma once

#include <cstddef>
#include <span>

#include "autodiff/array/array.h"

namespace twice {

/// Equal in both directions. Padding counts zeros on every side of the image.
struct ConvGeometry {
  Index stride = 1, padding = 0, dilation = 1, groups = 1;
  bool operator==(const ConvGeometry&) const = default;
};

namespace kernel {

/// The slots of T(x, w, g) = <conv2d(x, w), g>: images, kernel, and cotangent of the output.
enum class ConvSlot { images, kernel, outputs };

/// Shape of y = conv2d(x, w): x (n, h, w, ci), w (kh, kw, ci / groups, co) -> (n, oh, ow, co)
/// with oh = (h + 2 padding - dilation (kh - 1) - 1) / stride + 1, rounded down; ow likewise.
/// Throws, naming `who`, when the two do not fit together or the dilated kernel exceeds the padded
/// image.
Shape conv2d_shape(const Shape& x, const Shape& w, const ConvGeometry& geometry,
                   std::string_view who = "conv2d");

/// Floating-point operations of each of the three kernels, a multiplication and an addition
/// counted as two: 2 n oh ow co (ci / groups) kh kw. Products with padding are counted.
Index conv2d_flops(const Shape& x, const Shape& w, const ConvGeometry& geometry);

/// The two inputs of one convolution of a sum, in the order of the function's name.
struct ConvTerm {
  const Array *first = nullptr, *second = nullptr;
};
/// The most terms of a sum.
inline constexpr std::size_t most_convolutions = 8;

// Bytes of workspace for the kernels below, with so many terms: a function of the shapes alone,
// whatever the number of threads. x and w are the shapes of the forward convolution in all three.
std::size_t conv2d_workspace(const Shape& x, const Shape& w, const ConvGeometry& geometry,
                             DType dtype, std::size_t terms = 1);
std::size_t conv2d_input_grad_workspace(const Shape& x, const Shape& w,
                                        const ConvGeometry& geometry, DType dtype,
                                        std::size_t terms = 1);
std::size_t conv2d_weight_grad_workspace(const Shape& x, const Shape& w,
                                         const ConvGeometry& geometry, DType dtype);

// The kernels allocate nothing, overwrite all of their output (or add to all of it) and give the
// same bits at any number of threads. All arrays are contiguous and of one dtype, f32 or f64; the
// workspace is aligned for that dtype (64 bytes are best). Each computes a sum of 1 to
// most_convolutions convolutions whose inputs have the same shapes: they add up in registers, and
// the output goes to memory once.

/// y[n, oy, ox, o] = sum over terms (x, w), ky, kx, i of x[n, iy, ix, i] w[ky, kx, i, o],
///     iy = oy stride + ky dilation - padding, ix = ox stride + kx dilation - padding,
/// where pixels outside of the image are zero. With groups, output channel o sees only the
/// input channels of its own group.
/// With `add`, y grows by that. A NaN or an infinity in x reaches the outputs that see it; where
/// the output has fewer channels than a vector has lanes, it may make NaN of their neighbours in
/// the row too, because positions are then computed together.
void conv2d(std::span<const ConvTerm> terms, const ConvGeometry& geometry, const Array& y,
            std::byte* workspace, bool add = false);

/// The x with <x, x'> = sum over terms (w, g) of <conv2d(x', w), g> for every x': the adjoint of
/// conv2d in its images. With `add`, x grows by that.
void conv2d_input_grad(std::span<const ConvTerm> terms, const ConvGeometry& geometry,
                       const Array& x, std::byte* workspace, bool add = false);

/// The w with <w, w'> = sum over terms (x, g) of <conv2d(x, w'), g> for every w': the adjoint of
/// conv2d in its kernel.
void conv2d_weight_grad(std::span<const ConvTerm> terms, const ConvGeometry& geometry,
                        const Array& w, std::byte* workspace);

}  // namespace kernel
}  // namespace twice
