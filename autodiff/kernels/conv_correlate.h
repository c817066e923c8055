// The kernel under conv2d and its input gradient: a direct correlation of NHWC images with
// packed weights. A tile of `positions x channel vectors` accumulators stays in registers
// while the inputs under the kernel, read as contiguous runs, are broadcast against it; the terms
// of a sum follow each other there.
#pragma once

#include <span>

#include "autodiff/kernels/conv.h"
#include "autodiff/threads/parallel.h"

namespace twice::kernel {

/// out[n, oy, ox, o] = sum over terms (in, w), ky, kx, i of
///     in[n, oy stride_y + ky dilation - pad_y, ox stride_x + kx dilation - pad_x, i] w[ky, kx, i,
///     o],
/// where positions outside of the image count as zeros. `in` is contiguous; `out` has steps of
/// its own, so that it may be every other row and column of an image. A group of output
/// channels sees only its group of input channels.
struct Correlation {
  Index images = 0, in_height = 0, in_width = 0, in_channels = 0;
  Index kernel_height = 0, kernel_width = 0;
  Index stride_y = 1, stride_x = 1, dilation = 1, groups = 1;
  Index pad_y = 0, pad_x = 0;  // negative where the kernel starts inside the image
  Index out_height = 0, out_width = 0, out_channels = 0;
  Index out_image_step = 0, out_row_step = 0, out_step = 0;  // elements between neighbours
  Index terms = 1;                                           // of the sum
  bool add = false;  // to what `out` holds, instead of overwriting it

  Index group_in() const { return in_channels / groups; }
  Index group_out() const { return out_channels / groups; }
  /// Products that a term sums into one output.
  Index depth() const { return kernel_height * kernel_width * group_in(); }
};

/// Elements of a term's packed weights: for each group and each vector of its output channels
/// (the last one filled up with zeros) a panel of depth() vectors.
template <class T>
Index packed_elements(const Correlation& c);

/// Elements of scratch that `correlate` needs: a few zero-padded rows for each tile and term.
template <class T>
Index correlate_scratch(const Correlation& c);

/// Fills `packed` with the weights that weight(tap, i, o) -> const T* points to: tap = ky
/// kernel_width + kx, i an input channel within its group, o an output channel of the whole;
/// the weights of o + 1, o + 2, ... in the same group follow at distances of `o_step`.
template <class T, class Weight>
void pack_weights(const Correlation& c, T* packed, const Weight& weight, Index o_step);

/// `in` and, one behind the other, `packed` of each term.
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
