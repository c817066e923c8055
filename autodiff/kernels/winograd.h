// Convolutions of 3 x 3 kernels with fewer multiplications: minimal filtering F(2 x 2, 3 x 3)
// (Winograd, "Arithmetic Complexity of Computations", 1980; for networks Lavin and Gray, "Fast
// Algorithms for Convolutional Neural Networks", 2016). A tile of 2 x 2 outputs y sees 4 x 4 inputs
// d, and with the matrices
//
//        [1  0 -1  0]        [1    0   0 ]        [1  1  1  0]
//   B' = [0  1  1  0]    G = [1/2  1/2 1/2]   A' = [0  1 -1 -1]
//        [0 -1  1  0]        [1/2 -1/2 1/2]
//        [0  1  0 -1]        [0    0   1 ]
//
//   y = A' [ (G w G') o (B' d B) ] A,        o: number by number,
//
// which takes 16 multiplications where the definition takes 4 x 9. Over many channels, number (i,
// j) of the brackets is one matrix product, of tiles x input channels with input channels x output
// channels. The transforms with A, B and G only add and halve.
//
// With a cotangent g of y the same form reads <(G w G') o (B' d B), A g A'>, so the adjoint in the
// kernel is G' [ sum over tiles of (B' d B) o (A g A') ] G. The adjoint in the images is a
// convolution by the kernel turned around.
//
// The price is rounding: the transforms add numbers before they are multiplied.
// Of numbers of about one size the error is up to a few times that of conv.h's kernels. In general
// it is relative to the largest number of a tile, where theirs is relative to each product:
//
//   |error of y| <= 8 u max|d| sum |w|
//
// with the unit roundoff u (2^-24 in f32), the largest input that y's tile reads in any channel,
// and the sum of the kernel's numbers that lead to y; for the input gradient the same with g for d,
// and for the weight gradient 8 u sum over tiles of 4 max|d| max|g|. So one pixel of 255 among
// numbers of size 1 costs its tile two digits.
#pragma once

#include "autodiff/kernels/conv.h"

namespace twice::kernel {

/// Whether the kernel with that slot open takes such a sum: 3 x 3, no stride, dilation or groups,
/// 8 channels or more on either side, and not so many that a few tiles overflow a core's cache. As
/// everywhere, x and w are the shapes of the forward convolution.
bool winograd_fits(ConvSlot open, const Shape& x, const Shape& w, const ConvGeometry& geometry,
                   DType dtype, std::size_t terms = 1);

/// Whether they are faster than conv.h's: what they save grows with the channels, what they add,
/// the transforms, does not. Measured, see docs/decisions.md.
bool winograd_pays(ConvSlot open, const Shape& x, const Shape& w, const ConvGeometry& geometry,
                   DType dtype, std::size_t terms = 1);

/// Floating-point operations of the products and the transforms.
Index winograd_flops(ConvSlot open, const Shape& x, const Shape& w, const ConvGeometry& geometry,
                     std::size_t terms = 1);

/// Bytes of workspace, a function of the shapes alone.
std::size_t winograd_workspace(ConvSlot open, const Shape& x, const Shape& w,
                               const ConvGeometry& geometry, DType dtype, std::size_t terms = 1);

// The kernels do what those of conv.h with these names do, under the same conditions, and give the
// same bits at any number of threads. A NaN or an infinity in x or g reaches all outputs of the
// tiles that see it, and an infinity arrives as NaN. Shapes must fit, see above.

void winograd_conv2d(std::span<const ConvTerm> terms, const ConvGeometry& geometry, const Array& y,
                     std::byte* workspace, bool add = false);

void winograd_conv2d_input_grad(std::span<const ConvTerm> terms, const ConvGeometry& geometry,
                                const Array& x, std::byte* workspace, bool add = false);

void winograd_conv2d_weight_grad(std::span<const ConvTerm> terms, const ConvGeometry& geometry,
                                 const Array& w, std::byte* workspace);

}  // namespace twice::kernel
