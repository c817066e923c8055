// The layouts that the product kernel (gemm.cpp) reads: panels of B and bands of A, in reading
// order.
#pragma once

#include <algorithm>
#include <utility>

#include "autodiff/kernels/vector.h"
#include "autodiff/threads/parallel.h"

namespace twice::kernel {

// The register tile of C, in rows and vectors. 32 registers hold 24 sums, 4 vectors of B and one
// number of A: 10 loads for 24 multiplications. 16 registers hold 12 sums, with 8 loads for 12
// multiplications.
inline constexpr bool many_registers = vector_registers >= 32;
inline constexpr int tile_rows = 6, tile_vectors = many_registers ? 4 : 2;
template <class T>
inline constexpr Index panel_columns = tile_vectors* Index{full_lanes<T>};
/// Numbers in a cache line. Explicit prefetches go line by line, because the hardware does not
/// predict reads that are a row apart.
template <class T>
inline constexpr Index line = 64 / Index{sizeof(T)};

/// From two rows of a square that consist of blocks of width `distance`: the even blocks of both
/// rows, or the odd ones.
template <int distance, bool odd, class V, int... lane>
V blocks_of(const V& x, const V& y, std::integer_sequence<int, lane...>) {
  constexpr int lanes = sizeof...(lane), from = odd ? distance : 0;
  return __builtin_shufflevector(
      x, y, (lane & distance ? lanes + (lane ^ distance) + from : lane + from)...);
}

template <int distance, class V, std::size_t lanes>
void exchange_blocks(V (&row)[lanes]) {
  constexpr std::make_integer_sequence<int, static_cast<int>(lanes)> each;
#pragma GCC unroll 16
  for (std::size_t i = 0; i < lanes; ++i) {
    if (i & distance) continue;
    const V x = row[i], y = row[i + distance];
    row[i] = blocks_of<distance, false>(x, y, each);
    row[i + distance] = blocks_of<distance, true>(x, y, each);
  }
}

/// to[j * to_step + i] = from[i * from_step + j] for a square as wide as a vector. Works in
/// registers: pairs of rows exchange blocks of decreasing width.
template <class T>
void transpose_square(const T* from, Index from_step, T alpha, T* to, Index to_step) {
  constexpr int lanes = full_lanes<T>;
  using V = Vector<T, lanes>;
  typename V::Type row[lanes];
#pragma GCC unroll 16
  for (int i = 0; i < lanes; ++i) row[i] = V::load(from + i * from_step) * alpha;
  if constexpr (lanes > 8) exchange_blocks<8>(row);
  if constexpr (lanes > 4) exchange_blocks<4>(row);
  exchange_blocks<2>(row);
  exchange_blocks<1>(row);
  // Without unrolling, g++ keeps this loop and stores the rows in memory.
#pragma GCC unroll 16
  for (int i = 0; i < lanes; ++i) V::store(to + i * to_step, row[i]);
}

/// Packs alpha B into panels of panel_columns columns. The last panel is padded with zeros to whole
/// vectors. Works on a few rows at a time, across all panels, so that rows are read from beginning
/// to end while the next rows are prefetched.
template <class T>
void pack_rows(const T* b, Index ldb, T alpha, Index depth, Index columns, T* to) {
  constexpr Index lanes = full_lanes<T>, rows_together = 8;
  using V = Vector<T, lanes>;
  for (Index row = 0; row < depth; row += rows_together) {
    const Index last = std::min(depth, row + rows_together);
    for (Index first = 0; first < columns; first += panel_columns<T>) {
      const Index count = std::min(panel_columns<T>, columns - first),
                  whole = count / lanes * lanes;
      const Index step = ceil_div(count, lanes) * lanes;
      const T* from = b + row * ldb + first;
      T* panel = to + first * depth + row * step;
      for (Index p = row; p < last; ++p, from += ldb, panel += step) {
        for (Index j = 0; j < count; j += line<T>)
          __builtin_prefetch(from + rows_together * ldb + j);
        for (Index j = 0; j < whole; j += lanes) V::store(panel + j, V::load(from + j) * alpha);
        if (whole < count) V::store(panel + whole, V::load(from + whole, count - whole) * alpha);
      }
    }
  }
}

/// The same for alpha B', whose columns are stored as rows.
template <class T>
void pack_columns(const T* b, Index ldb, T alpha, Index depth, Index columns, T* to) {
  constexpr Index lanes = full_lanes<T>;
  for (Index first = 0; first < columns; first += panel_columns<T>) {
    const Index count = std::min(panel_columns<T>, columns - first);
    const Index step = ceil_div(count, lanes) * lanes;
    for (Index j = 0; j < step; j += lanes) {
      const T* from = b + (first + j) * ldb;
      Index p = 0;
      if (j + lanes <= count)
        for (; p + lanes <= depth; p += lanes) {
          if (p % line<T> == 0)
            for (Index lane = lanes; lane < 2 * lanes; ++lane)
              __builtin_prefetch(from + lane * ldb + p);
          transpose_square(from + p, ldb, alpha, to + p * step + j, step);
        }
      for (; p < depth; ++p)
        for (Index lane = 0; lane < lanes; ++lane)
          to[p * step + j + lane] = j + lane < count ? alpha * from[lane * ldb + p] : T(0);
    }
    to += depth * step;
  }
}

/// Copies tile_rows numbers. If `more` numbers follow on both sides, copies a whole vector with one
/// load and one store.
template <class T>
void copy_tile_row(const T* from, bool more, T* to) {
  constexpr int lanes = 8;
  static_assert(lanes >= tile_rows);
  if constexpr (lanes <= full_lanes<T>)
    if (more) return Vector<T, lanes>::store(to, Vector<T, lanes>::load(from));
  std::memcpy(to, from, tile_rows * sizeof(T));
}

/// Packs the stored rows of A' (one for each step of k) into tiles of tile_rows: a[p * lda + r]
/// goes to to[r / tile_rows][p][r % tile_rows].
template <class T>
void pack_band(const T* a, Index lda, Index depth, Index rows, T* to) {
  for (Index p = 0; p < depth; ++p, a += lda, to += tile_rows) {
    for (Index ahead = 0; ahead < rows; ahead += line<T>) __builtin_prefetch(a + 12 * lda + ahead);
    Index r = 0;
    // The extra numbers of a vector belong to the next row, or are overwritten by the next row.
    for (; r + tile_rows <= rows; r += tile_rows)
      copy_tile_row(a + r, p + 1 < depth, to + r * depth);
    std::copy_n(a + r, rows - r, to + r * depth);
  }
}

}  // namespace twice::kernel
