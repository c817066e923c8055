// The pixels that the windows of a convolution or a pooling cover. If the stride is longer than the
// window, some pixels are never read, and the byte counts of ops leave them out.
#pragma once

#include "autodiff/tape/tensor.h"

namespace twice {

/// Windows along the axes of an image. Window o covers the pixels o stride + k dilation - padding,
/// for 0 <= k < its size.
struct Windows {
  Index height, width, stride, padding, dilation = 1;
};

/// The number of an axis's `pixels` that lie in one of `outputs` windows with `size` cells each.
inline Index pixels_covered(Index pixels, Index outputs, Index size, const Windows& windows) {
  Index covered = 0;
  for (Index pixel = 0; pixel < pixels; ++pixel)
    for (Index k = 0; k < size; ++k) {
      const Index at = pixel + windows.padding - k * windows.dilation;
      if (at < 0 || at % windows.stride != 0 || at / windows.stride >= outputs) continue;
      ++covered;
      break;
    }
  return covered;
}

/// The bytes of images (n, h, w, c) that no window of the outputs (n, oh, ow, ...) covers.
inline double bytes_skipped(const Spec& images, const Shape& outputs, const Windows& windows) {
  const Shape& x = images.shape;
  const Index covered = pixels_covered(x[1], outputs[1], windows.height, windows) *
                        pixels_covered(x[2], outputs[2], windows.width, windows);
  return static_cast<double>((x[1] * x[2] - covered) * x[0] * x[3]) *
         static_cast<double>(size_of(images.dtype));
}

}  // namespace twice
