// Convolutions with 3 x 3 kernels and fewer multiplications: minimal filtering F(2 x 2, 3 x 3)
// (Winograd, "Arithmetic Complexity of Computations", 1980; for networks Lavin and Gray, "Fast
// Algorithms for Convolutional Neural Networks", 2016). A tile of 2 x 2 outputs y depends on 4 x 4
// inputs d. With the matrices
//
//        [1  0 -1  0]        [1    0   0 ]        [1  1  1  0]
//   B' = [0  1  1  0]    G = [1/2  1/2 1/2]   A' = [0  1 -1 -1]
//        [0 -1  1  0]        [1/2 -1/2 1/2]
//        [0  1  0 -1]        [0    0   1 ]
//
//   y = A' [ (G w G') o (B' d B) ] A,        o: elementwise product.
//
// The formula takes 16 multiplications; the definition takes 4 x 9. With many channels, element
// (i, j) of the brackets becomes a matrix product: tiles x input channels times input
// channels x output channels. The transforms with A, B and G only add and halve.
//
// With a cotangent g of y, the form reads <(G w G') o (B' d B), A g A'>. The adjoint in the kernel
// is therefore G' [ sum over tiles of (B' d B) o (A g A') ] G. The adjoint in the images is a
// convolution with the kernel rotated by 180 degrees.
//
// The price is a larger rounding error, because the transforms add numbers before they are
// multiplied. If all numbers have a similar size, the error is up to a few times that of the
// kernels in conv.h. In general the error of minimal filtering is relative to the largest number of
// a tile, while that of conv.h is relative to each product:
//
//   |error of y| <= 8 u max|d| sum |w|
//
// where u is the unit roundoff (2^-24 in f32), max|d| is the largest input that the tile of y reads
// in any channel, and sum |w| runs over the numbers of the kernel that contribute to y. For the
// input gradient, g takes the place of d. For the weight gradient the bound is 8 u times the sum
// over tiles of 4 max|d| max|g|. For example, one pixel of 255 among numbers of size 1 costs its
// tile two digits.
#pragma once

#include "autodiff/kernels/conv.h"

namespace twice::kernel {

/// True if the function with slot `open` supports this convolution: a 3 x 3 kernel without stride,
/// dilation or groups, and at least 8 channels on either side, but not so many that a few tiles
/// overflow the cache of a core. x and w are the shapes of the forward convolution.
bool winograd_fits(ConvSlot open, const Shape& x, const Shape& w, const ConvGeometry& geometry,
                   DType dtype, std::size_t terms = 1);

/// True if minimal filtering is faster than conv.h. The saved time grows with the channels, the
/// time of the transforms does not. The threshold was measured: see docs/decisions.md.
bool winograd_pays(ConvSlot open, const Shape& x, const Shape& w, const ConvGeometry& geometry,
                   DType dtype, std::size_t terms = 1);

/// FLOPs of the products and the transforms.
Index winograd_flops(ConvSlot open, const Shape& x, const Shape& w, const ConvGeometry& geometry,
                     std::size_t terms = 1);

/// Bytes of workspace, which depend on the shapes only.
std::size_t winograd_workspace(ConvSlot open, const Shape& x, const Shape& w,
                               const ConvGeometry& geometry, DType dtype, std::size_t terms = 1);

// These functions compute the same as the functions of conv.h with these names, under the same
// conditions, and with the same bits for every number of threads. `winograd_fits` must be true. A
// NaN or an infinity in x or g makes all outputs of the tiles that read it NaN.

void winograd_conv2d(std::span<const ConvTerm> terms, const ConvGeometry& geometry, const Array& y,
                     std::byte* workspace, bool add = false);

void winograd_conv2d_input_grad(std::span<const ConvTerm> terms, const ConvGeometry& geometry,
                                const Array& x, std::byte* workspace, bool add = false);

void winograd_conv2d_weight_grad(std::span<const ConvTerm> terms, const ConvGeometry& geometry,
                                 const Array& w, std::byte* workspace);

}  // namespace twice::kernel
