// Shared parts of the three functions of winograd.h: tiles of images, their transforms, and the
// small products in between.
#pragma once

#include <array>
#include <utility>

#include "autodiff/kernels/conv_common.h"
#include "autodiff/kernels/vector.h"
#include "autodiff/kernels/winograd.h"
#include "autodiff/threads/parallel.h"

namespace twice::kernel::winograd {

/// Numbers of a transformed tile. Each number has its own matrix.
inline constexpr int points = 16;

/// Memory for a block of transformed tiles. Each thread has its own, so a run allocates nothing.
inline constexpr Index scratch_bytes = Index{1} << 19;
alignas(64) inline constinit thread_local std::byte scratch[scratch_bytes] = {};

/// Elements between the matrices of two points: an odd number of cache lines. Otherwise the 16
/// numbers of a tile, which are written together, would share a few sets of the cache.
template <class T>
constexpr Index point_step(Index elements) {
  constexpr Index line = 64 / sizeof(T);
  return (ceil_div(elements, line) | 1) * line;
}
/// The most bytes that this rounding adds to two matrices.
inline constexpr Index most_gap_bytes = 2 * 2 * 64;

/// Images cut into tiles of 2 x 2 pixels, row by row. The last tile of a row or column may extend
/// beyond the image.
struct Tiles {
  Index images = 0, height = 0, width = 0;  // of the cut images

  Index rows() const { return ceil_div(height, 2); }
  Index columns() const { return ceil_div(width, 2); }
  Index count() const { return images * rows() * columns(); }
};

/// Neighbouring tiles in one row of an image.
struct Run {
  Index image = 0, row = 0, column = 0, count = 0;
};

/// Calls body(run, position) for the runs that make up tiles [first, last). The position is that of
/// the run's first tile, counted from `first`.
template <class Body>
void for_each_run(const Tiles& tiles, Index first, Index last, const Body& body) {
  for (Index tile = first; tile < last;) {
    const Index row = tile / tiles.columns(), column = tile % tiles.columns();
    const Index count = std::min(tiles.columns() - column, last - tile);
    body(Run{row / tiles.rows(), row % tiles.rows(), column, count}, tile - first);
    tile += count;
  }
}

/// NHWC images that are read. `zeros` points to a row of zeros.
template <class T>
struct Images {
  const T* data;
  Index height, width, channels;
  const T* zeros;

  /// Row y of an image; a row of zeros if y is outside the image.
  const T* row(Index image, Index y) const {
    return y < 0 || y >= height ? zeros : data + (image * height + y) * width * channels;
  }
};

/// The vector length: a full vector if both numbers of channels fill it, otherwise 8 lanes.
template <class T>
Index lanes_of(Index inputs, Index outputs) {
  constexpr Index full = full_lanes<T>;
  return std::min(inputs, outputs) < full ? 8 : full;
}
/// Calls body.operator()<lanes>() with the vector length.
template <class T, class Body>
void visit_lanes(Index inputs, Index outputs, const Body& body) {
  constexpr int full = full_lanes<T>;
  if constexpr (full > 8)
    if (lanes_of<T>(inputs, outputs) < full) return body.template operator()<8>();
  body.template operator()<full>();
}

/// The first channel of vector v. The last vector ends with the last channel. If the number of
/// channels is not a multiple of the lanes, the last vector overlaps the one before.
constexpr Index first_of_vector(Index v, Index lanes, Index channels) {
  return std::min(v * lanes, channels - lanes);
}

/// The layout of the tiles of a block. The numbers of one point and one tile are contiguous.
template <class T>
struct Block {
  T* data;
  Index tile_step, point_step;
};

/// B' d B for a run of tiles of outputs, whose 4 x 4 inputs begin `pad` pixels before them. Each
/// combined column of d is computed once and used by both tiles that contain it.
template <class T, int lanes>
void transform_inputs(const Images<T>& in, const Run& run, Index pad, const Block<T>& to) {
  using V = Vector<T, lanes>;
  struct Column {
    typename V::Type at[4];
  };
  const Index y = 2 * run.row - pad, x = 2 * run.column - pad;
  const T *row0 = in.row(run.image, y), *row1 = in.row(run.image, y + 1);
  const T *row2 = in.row(run.image, y + 2), *row3 = in.row(run.image, y + 3);
  for (Index v = 0; v * lanes < in.channels; ++v) {
    const Index c = first_of_vector(v, lanes, in.channels);
    const auto column = [&](Index at) -> Column {  // B' times a column of d
      if (at < 0 || at >= in.width) return {};
      const Index offset = at * in.channels + c;
      const auto d1 = V::load(row1 + offset), d2 = V::load(row2 + offset);
      return {{V::load(row0 + offset) - d2, d1 + d2, d2 - d1, d1 - V::load(row3 + offset)}};
    };
    Column first = column(x), second = column(x + 1);
    T* out = to.data + c;
    for (Index t = 0; t < run.count; ++t, out += to.tile_step) {
      const auto put = [&](int i, int j, const typename V::Type& value) {
        V::store(out + (4 * i + j) * to.point_step, value);
      };
      const Column third = column(x + 2 * t + 2);
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        put(i, 0, first.at[i] - third.at[i]);
        put(i, 1, second.at[i] + third.at[i]);
        put(i, 2, third.at[i] - second.at[i]);
      }
      first = third;
      const Column fourth = column(x + 2 * t + 3);
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) put(i, 3, second.at[i] - fourth.at[i]);
      second = fourth;
    }
  }
}

/// The maximum number of rows of C in a register tile of 1 or 2 vectors, as in conv_correlate.cpp.
constexpr int most_rows(int vectors) {
  return vector_registers >= 32 ? 14 : (vector_registers - 4) / vectors;
}

/// C = A B, or C += A B, for a few rows and one or two vectors of columns.
template <class T>
struct Product {
  const T* a;
  Index a_step;  // between rows; between columns if rows are neighbours
  const T* b;
  Index b_step;
  Index depth;
  T* c;
  Index c_step;
  bool add;
};

template <class T, int lanes, bool rows_are_neighbours, int vectors, int rows>
void multiply(const Product<T>& p) {
  using V = Vector<T, lanes>;
  typename V::Type sum[rows][vectors] = {};
  const T *a = p.a, *b = p.b;
  const Index row_step = rows_are_neighbours ? 1 : p.a_step;
  const Index step = rows_are_neighbours ? p.a_step : 1;
  const Index b_step = rows_are_neighbours ? p.b_step : vectors * lanes;
  // Unrolled because the loop's own instructions cost time, as in gemm.cpp.
#pragma GCC unroll 4
  for (Index k = 0; k < p.depth; ++k, a += step, b += b_step) {
    typename V::Type row[vectors];
    for (int v = 0; v < vectors; ++v) row[v] = V::load(b + v * lanes);
#pragma GCC unroll 32
    for (int r = 0; r < rows; ++r)
      for (int v = 0; v < vectors; ++v) sum[r][v] += row[v] * a[r * row_step];
  }
  if (p.add) {
#pragma GCC unroll 32
    for (int r = 0; r < rows; ++r)
      for (int v = 0; v < vectors; ++v) sum[r][v] += V::load(p.c + r * p.c_step + v * lanes);
  }
#pragma GCC unroll 32
  for (int r = 0; r < rows; ++r)
    for (int v = 0; v < vectors; ++v) V::store(p.c + r * p.c_step + v * lanes, sum[r][v]);
}

/// Pointers to `multiply` for 1, 2, ... rows.
template <class T, int lanes, bool rows_are_neighbours, int vectors, int... counted>
constexpr auto multiply_table(std::integer_sequence<int, counted...>) {
  return std::array{&multiply<T, lanes, rows_are_neighbours, vectors, counted + 1>...};
}
template <class T, int lanes, bool rows_are_neighbours, int vectors>
constexpr auto multiply_rows = multiply_table<T, lanes, rows_are_neighbours, vectors>(
    std::make_integer_sequence<int, most_rows(vectors)>{});

/// Multiplies any number of rows, in register tiles of about the same size.
template <class T, int lanes, bool rows_are_neighbours, int vectors>
void multiply_all(Product<T> p, Index rows) {
  const Index tiles = ceil_div(rows, most_rows(vectors));
  for (Index tile = 0; tile < tiles; ++tile) {
    const Index count = rows * (tile + 1) / tiles - rows * tile / tiles;
    multiply_rows<T, lanes, rows_are_neighbours, vectors>[static_cast<std::size_t>(count - 1)](p);
    p.a += rows_are_neighbours ? count : count * p.a_step;
    p.c += count * p.c_step;
  }
}

/// Throws an error that starts with `who` unless `fits` is true.
inline void check_fits(const char* who, bool fits, const Shape& x, const Shape& w) {
  if (!fits)
    fail(who, "images {} and kernel {} do not fit: see winograd_fits in winograd.h", str(x),
         str(w));
}

/// Bytes of workspace of the weight gradient (winograd_weight_grad.cpp).
std::size_t weight_grad_workspace(const Shape& x, const Shape& w, const ConvGeometry& geometry,
                                  DType dtype);

}  // namespace twice::kernel::winograd
