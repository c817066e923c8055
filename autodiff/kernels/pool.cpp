// Pooling kernels. The channels are the innermost loop and fill vectors. Work is cut by rows, or by
// images if windows may write the same pixel.
#include "autodiff/kernels/pool.h"

#include <limits>

#include "autodiff/threads/parallel.h"

namespace twice::kernel {
namespace {

/// Rows of `row_elements` numbers in one tile of work.
Index row_grain(Index row_elements) {
  return std::max<Index>(elements_per_tile / std::max<Index>(row_elements, 1), 1);
}

/// The cells first <= i < last of a window, clipped to the image.
struct Range {
  Index first, last;
};
Range clipped(Index start, Index window, Index size) {
  return {std::max<Index>(start, 0), std::min(start + window, size)};
}

/// Moves `windows` to the windows that cover pixel i of an axis. `windows` starts as {0, 0}. The
/// calls have ascending i, so no division is needed.
void advance(Range& windows, Index i, Index count, const PoolGeometry& geometry) {
  const Index at = i + geometry.padding;  // window o covers [o stride, o stride + window)
  while (windows.last < count && windows.last * geometry.stride <= at) ++windows.last;
  while (windows.first * geometry.stride + geometry.window <= at) ++windows.first;
}

void check(const char* who, const Array& x, const PoolGeometry& geometry, const Array& y,
           DType dtype) {
  const Shape shape = pool2d_shape(x.shape(), geometry);
  if (y.shape() != shape)
    fail(who, "images {} need outputs of shape {}, not {}", str(x.shape()), str(shape),
         str(y.shape()));
  if (y.dtype() != dtype) fail(who, "outputs need dtype {}, not {}", str(dtype), str(y.dtype()));
  if (!x.contiguous() || !y.contiguous()) fail(who, "arrays must be contiguous");
}

void check_indexed(const char* who, const Array& x, const Array& indices, const Array& y) {
  if (x.rank() != 4 || y.rank() != 4 || x.shape()[0] != y.shape()[0] ||
      x.shape()[3] != y.shape()[3] || indices.shape() != y.shape())
    fail(who, "images {}, indices {} and pooled images {} do not fit together", str(x.shape()),
         str(indices.shape()), str(y.shape()));
  if (indices.dtype() != DType::i32 || x.dtype() != y.dtype())
    fail(who, "needs i32 indices and images of one dtype, not {}, {} and {}", str(indices.dtype()),
         str(x.dtype()), str(y.dtype()));
  if (!x.contiguous() || !indices.contiguous() || !y.contiguous())
    fail(who, "arrays must be contiguous");
}

/// to[c] = scale times the sum of the pixels [rows) x [columns) of an image, for each channel c.
/// `count` channels are summed at a time, so that their sums stay in registers.
template <class T, int count>
Index scaled_sums(const T* image, Range rows, Range columns, Index width, Index channels, T scale,
                  Index first, T* to) {
  for (; first + count <= channels; first += count) {
    T sum[count] = {};
    for (Index iy = rows.first; iy < rows.last; ++iy)
      for (Index ix = columns.first; ix < columns.last; ++ix) {
        const T* pixel = image + (iy * width + ix) * channels + first;
        for (int c = 0; c < count; ++c) sum[c] += pixel[c];
      }
    for (int c = 0; c < count; ++c) to[first + c] = scale * sum[c];
  }
  return first;
}

template <class T>
void scaled_sums(const T* image, Range rows, Range columns, Index width, Index channels, T scale,
                 T* to) {
  Index done = scaled_sums<T, 16>(image, rows, columns, width, channels, scale, 0, to);
  done = scaled_sums<T, 8>(image, rows, columns, width, channels, scale, done, to);
  done = scaled_sums<T, 4>(image, rows, columns, width, channels, scale, done, to);
  scaled_sums<T, 1>(image, rows, columns, width, channels, scale, done, to);
}

/// The first maximum of each channel, for up to `chunk` channels at a time. Their running maxima
/// stay in the L1 cache.
template <class T>
void maximum_row(const T* x, Range rows, Index width, Index channels, Index out_width,
                 const PoolGeometry& geometry, std::int32_t* indices) {
  constexpr Index chunk = 64;
  T most[chunk];
  for (Index ox = 0; ox < out_width; ++ox, indices += channels) {
    const Range columns = clipped(ox * geometry.stride - geometry.padding, geometry.window, width);
    for (Index first = 0; first < channels; first += chunk) {
      const Index count = std::min(chunk, channels - first);
      std::int32_t* best = indices + first;
      std::copy(x + (rows.first * width + columns.first) * channels + first,
                x + (rows.first * width + columns.first) * channels + first + count, most);
      std::fill(best, best + count, static_cast<std::int32_t>(rows.first * width + columns.first));
      for (Index iy = rows.first; iy < rows.last; ++iy)
        for (Index ix = columns.first; ix < columns.last; ++ix) {
          const auto index = static_cast<std::int32_t>(iy * width + ix);
          const T* pixel = x + index * channels + first;
          for (Index c = 0; c < count; ++c) {
            const bool is_nan = pixel[c] != pixel[c], was_nan = most[c] != most[c];
            const bool take = (pixel[c] > most[c]) | (is_nan & !was_nan);
            most[c] = take ? pixel[c] : most[c];
            best[c] = take ? index : best[c];
          }
        }
    }
  }
}

/// to[(ox window + k), c] = scale g[ox, c]: one row of the adjoint for windows that do not overlap,
/// for `count` channels at a time.
template <class T, int count>
Index spread(const T* g, Index out_width, Index window, Index channels, T scale, Index first,
             T* to) {
  for (; first + count <= channels; first += count)
    for (Index ox = 0; ox < out_width; ++ox) {
      const T* from = g + ox * channels + first;
      for (Index k = 0; k < window; ++k) {
        T* pixel = to + (ox * window + k) * channels + first;
        for (int c = 0; c < count; ++c) pixel[c] = scale * from[c];
      }
    }
  return first;
}

template <class T>
void spread(const T* g, Index out_width, Index window, Index channels, T scale, T* to) {
  Index done = spread<T, 16>(g, out_width, window, channels, scale, 0, to);
  done = spread<T, 8>(g, out_width, window, channels, scale, done, to);
  done = spread<T, 4>(g, out_width, window, channels, scale, done, to);
  spread<T, 1>(g, out_width, window, channels, scale, done, to);
}

/// Calls body(image, oy) for every row of outputs.
template <class Body>
void for_each_row(Index images, Index height, Index row_elements, const Body& body) {
  parallel_ranges(images * height, row_grain(row_elements), [&](Index first, Index last) {
    for (Index row = first; row < last; ++row) body(row / height, row % height);
  });
}

}  // namespace

Shape pool2d_shape(const Shape& x, const PoolGeometry& geometry, std::string_view who) {
  const auto& [window, stride, padding] = geometry;
  if (x.rank() != 4)
    fail(who, "images need the shape (batch, height, width, channels), not {}", str(x));
  if (window < 1 || stride < 1)
    fail(who, "window and stride must be at least 1, but they are {} and {}", window, stride);
  if (std::max(window, stride) > largest_distance)
    fail(who, "window and stride must be at most 2^30, but they are {} and {}", window, stride);
  if (padding < 0 || padding >= window)
    fail(who, "padding must be at least 0 and less than the window of {}, but it is {}", window,
         padding);
  Shape y = x;
  for (int axis : {1, 2}) {
    const Index size = x[axis] + 2 * padding;
    if (x[axis] < 1 || window > size)
      fail(who, "a window of {} does not fit into images {} padded by {}", window, str(x), padding);
    y[axis] = (size - window) / stride + 1;
  }
  return y;
}

void average_pool(const Array& x, const PoolGeometry& geometry, const Array& y) {
  check("average_pool", x, geometry, y, x.dtype());
  const Shape &in = x.shape(), &out = y.shape();
  visit_float(x.dtype(), [&]<class T>(T) {
    const Index row_elements = out[2] * out[3];
    const T scale = T(1) / static_cast<T>(geometry.window * geometry.window);
    for_each_row(out[0], out[1], row_elements, [&](Index image, Index oy) {
      const Range rows = clipped(oy * geometry.stride - geometry.padding, geometry.window, in[1]);
      T* to = y.data<T>() + (image * out[1] + oy) * row_elements;
      for (Index ox = 0; ox < out[2]; ++ox, to += out[3])
        scaled_sums(x.data<T>() + image * in[1] * in[2] * in[3], rows,
                    clipped(ox * geometry.stride - geometry.padding, geometry.window, in[2]), in[2],
                    in[3], scale, to);
    });
  });
}

void average_pool_adjoint(const Array& g, const PoolGeometry& geometry, const Array& x) {
  check("average_pool_adjoint", x, geometry, g, x.dtype());
  const Shape &in = x.shape(), &out = g.shape();
  visit_float(x.dtype(), [&]<class T>(T) {
    const T scale = T(1) / static_cast<T>(geometry.window * geometry.window);
    const Index channels = in[3];
    // Each pixel gathers from the windows that cover it, so no two threads write the same pixel.
    for_each_row(in[0], in[1], in[2] * channels, [&](Index image, Index iy) {
      Range rows{0, 0}, columns{0, 0};
      advance(rows, iy, out[1], geometry);
      T* to = x.data<T>() + (image * in[1] + iy) * in[2] * channels;
      if (geometry.window == geometry.stride && geometry.padding == 0 &&
          iy / geometry.stride < out[1]) {
        spread(g.data<T>() + (image * out[1] + iy / geometry.stride) * out[2] * channels, out[2],
               geometry.window, channels, scale, to);
        std::fill(to + out[2] * geometry.window * channels, to + in[2] * channels, T(0));
        return;
      }
      for (Index ix = 0; ix < in[2]; ++ix, to += channels) {
        advance(columns, ix, out[2], geometry);
        scaled_sums(g.data<T>() + image * out[1] * out[2] * channels, rows, columns, out[2],
                    channels, scale, to);
      }
    });
  });
}

void max_pool_indices(const Array& x, const PoolGeometry& geometry, const Array& indices) {
  check("max_pool_indices", x, geometry, indices, DType::i32);
  const Shape &in = x.shape(), &out = indices.shape();
  if (in[1] * in[2] > std::numeric_limits<std::int32_t>::max())
    fail("max_pool_indices", "images {} have more pixels than an i32 index can count", str(in));
  visit_float(x.dtype(), [&]<class T>(T) {
    const Index row_elements = out[2] * out[3];
    for_each_row(out[0], out[1], row_elements, [&](Index image, Index oy) {
      maximum_row(x.data<T>() + image * in[1] * in[2] * in[3],
                  clipped(oy * geometry.stride - geometry.padding, geometry.window, in[1]), in[2],
                  in[3], out[2], geometry,
                  indices.data<std::int32_t>() + (image * out[1] + oy) * row_elements);
    });
  });
}

void pool_gather(const Array& x, const Array& indices, const Array& y) {
  check_indexed("pool_gather", x, indices, y);
  const Shape &in = x.shape(), &out = y.shape();
  visit_float(x.dtype(), [&]<class T>(T) {
    const Index channels = out[3], row_elements = out[2] * channels;
    constexpr Index ahead = 4, line = 64 / sizeof(T);
    for_each_row(out[0], out[1], row_elements, [&](Index image, Index oy) {
      const T* from = x.data<T>() + image * in[1] * in[2] * channels;
      const Index row = (image * out[1] + oy) * row_elements;
      const std::int32_t* index = indices.data<std::int32_t>() + row;
      T* to = y.data<T>() + row;
      for (Index ox = 0; ox < out[2]; ++ox, index += channels, to += channels) {
        // Prefetched, because the hardware cannot predict the addresses of indexed reads.
        if (ox + ahead < out[2])
          for (Index c = 0; c < channels; c += line)
            __builtin_prefetch(from + index[ahead * channels + c] * channels + c);
        for (Index c = 0; c < channels; ++c) to[c] = from[index[c] * channels + c];
      }
    });
  });
}

void pool_scatter(const Array& g, const Array& indices, const Array& x) {
  check_indexed("pool_scatter", x, indices, g);
  const Shape &in = x.shape(), &out = g.shape();
  visit_float(x.dtype(), [&]<class T>(T) {
    const Index channels = out[3], image_in = in[1] * in[2] * channels;
    const Index pixels_out = out[1] * out[2];
    // Windows may overlap, so one thread computes a whole image.
    parallel_for(in[0], [&](Index image) {
      T* to = x.data<T>() + image * image_in;
      std::fill(to, to + image_in, T(0));
      const std::int32_t* index = indices.data<std::int32_t>() + image * pixels_out * channels;
      const T* from = g.data<T>() + image * pixels_out * channels;
      for (Index p = 0; p < pixels_out; ++p, index += channels, from += channels)
        for (Index c = 0; c < channels; ++c) to[index[c] * channels + c] += from[c];
    });
  });
}

}  // namespace twice::kernel
