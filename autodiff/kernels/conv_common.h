// Shared parts of the three convolution functions: checks of arrays, and rows padded with zeros.
#pragma once

#include "autodiff/kernels/conv.h"

namespace twice::kernel {

/// Throws unless y has the shape of conv2d(x, w), and all three are contiguous and of one dtype.
inline void check_conv2d(const char* who, const Array& x, const Array& w,
                         const ConvGeometry& geometry, const Array& y) {
  const Shape shape = conv2d_shape(x.shape(), w.shape(), geometry);
  if (y.shape() != shape)
    fail(who, "images {} and kernel {} need outputs of shape {}, not {}", str(x.shape()),
         str(w.shape()), str(shape), str(y.shape()));
  if (x.dtype() != w.dtype() || x.dtype() != y.dtype())
    fail(who, "images, kernel and outputs need one dtype, not {}, {} and {}", str(x.dtype()),
         str(w.dtype()), str(y.dtype()));
  if (!x.contiguous() || !w.contiguous() || !y.contiguous()) fail(who, "arrays must be contiguous");
}

/// Throws unless there are 1 to most_convolutions terms of equal shapes, all of which pass `check`.
template <class Check>
void check_terms(const char* who, std::span<const ConvTerm> terms, const Check& check) {
  if (terms.empty() || terms.size() > most_convolutions)
    fail(who, "takes 1 to {} convolutions, was given {}", most_convolutions, terms.size());
  for (const ConvTerm& term : terms) {
    check(term);
    if (term.first->shape() != terms[0].first->shape() ||
        term.second->shape() != terms[0].second->shape())
      fail(who, "the terms of a sum need the same shapes, not {}, {} and {}, {}",
           str(terms[0].first->shape()), str(terms[0].second->shape()), str(term.first->shape()),
           str(term.second->shape()));
  }
}

/// Prefetches the numbers [first, last), for reading or writing. The hardware does not prefetch
/// several short runs at once.
template <bool write = false, class T>
void prefetch(const T* from, Index first, Index last) {
  constexpr Index line = 64 / sizeof(T);
  for (Index i = first; i < last; i += line) __builtin_prefetch(from + i, write);
}

/// Copies columns [-pad, extent - pad) of an image row of `width` pixels. Columns outside the row
/// become zeros.
template <class T>
void copy_padded_row(const T* row, Index width, Index channels, Index pad, Index extent, T* to) {
  const Index left = std::clamp<Index>(pad, 0, extent);
  const Index right = std::clamp<Index>(pad + width, left, extent);
  std::fill(to, to + left * channels, T(0));
  std::copy(row + (left - pad) * channels, row + (right - pad) * channels, to + left * channels);
  std::fill(to + right * channels, to + extent * channels, T(0));
}

}  // namespace twice::kernel
