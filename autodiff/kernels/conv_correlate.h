// The kernel of conv2d and its input gradient: a direct correlation of NHWC images with packed
// weights. A tile of `positions x channel vectors` sums stays in registers. The inputs under the
// kernel are read as contiguous runs, and each number is multiplied by whole vectors of weights.
// The terms of a sum are added one after another in the same registers.
#pragma once

#include <span>

#include "autodiff/kernels/conv.h"
#include "autodiff/threads/parallel.h"

namespace twice::kernel {

/// out[n, oy, ox, o] = sum over terms (in, w), ky, kx, i of in[n, iy, ix, i] w[ky, kx, i, o],
///     iy = oy stride_y + ky dilation - pad_y, ix = ox stride_x + kx dilation - pad_x,
/// where positions outside the image count as zeros. `in` is contiguous. The steps of `out` are
/// free, so that `out` may be every other row and column of an image. A group of output channels
/// reads only its own group of input channels.
struct Correlation {
  Index images = 0, in_height = 0, in_width = 0, in_channels = 0;
  Index kernel_height = 0, kernel_width = 0;
  Index stride_y = 1, stride_x = 1, dilation = 1, groups = 1;
  Index pad_y = 0, pad_x = 0;  // negative if the kernel starts inside the image
  Index out_height = 0, out_width = 0, out_channels = 0;
  Index out_image_step = 0, out_row_step = 0, out_step = 0;  // elements between neighbours
  Index terms = 1;                                           // convolutions in the sum
  bool add = false;  // adds to `out` instead of overwriting it

  Index group_in() const { return in_channels / groups; }
  Index group_out() const { return out_channels / groups; }
  /// Products that one term adds into one output.
  Index depth() const { return kernel_height * kernel_width * group_in(); }
};

/// Elements of the packed weights of one term: for each group and each vector of its output
/// channels a panel of depth() vectors. The last vector is padded with zeros.
template <class T>
Index packed_elements(const Correlation& c);

/// Elements of scratch that `correlate` needs: a few zero-padded rows for each tile and each term.
template <class T>
Index correlate_scratch(const Correlation& c);

/// Fills `packed` with weights. weight(tap, i, o) returns the address of a weight, where tap = ky
/// kernel_width + kx, i is an input channel within its group, and o is an output channel counted
/// over all groups. The weights of o + 1, o + 2, ... in the same group follow at distances of
/// `o_step`.
template <class T, class Weight>
void pack_weights(const Correlation& c, T* packed, const Weight& weight, Index o_step);

/// Computes a correlation. `in` has the images of each term. `packed` has the weights of all terms,
/// one term after another.
template <class T>
void correlate(const Correlation& c, std::span<const T* const> in, const T* packed, T* out,
               T* scratch);

}  // namespace twice::kernel

#include "autodiff/kernels/vector.h"

namespace twice::kernel {

template <class T>
Index packed_elements(const Correlation& c) {
  const Index lanes = lanes_for<T>(c.group_out());
  return c.groups * ceil_div(c.group_out(), lanes) * c.depth() * lanes;
}

template <class T, class Weight>
void pack_weights(const Correlation& c, T* packed, const Weight& weight, Index o_step) {
  const Index lanes = lanes_for<T>(c.group_out()), vectors = ceil_div(c.group_out(), lanes);
  const Index taps = c.kernel_height * c.kernel_width, inputs = c.group_in();
  parallel_for(c.groups * vectors, [&](Index panel) {
    T* to = packed + panel * c.depth() * lanes;
    const Index first = panel % vectors * lanes, group_first = panel / vectors * c.group_out();
    const Index count = std::min(lanes, c.group_out() - first);
    for (Index tap = 0; tap < taps; ++tap)
      for (Index i = 0; i < inputs; ++i, to += lanes) {
        const T* from = weight(tap, i, group_first + first);
        for (Index l = 0; l < count; ++l) to[l] = from[l * o_step];
        std::fill(to + count, to + lanes, T(0));
      }
  });
}

}  // namespace twice::kernel
