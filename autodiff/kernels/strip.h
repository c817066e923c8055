// Sums over the rows of a matrix, one strip of columns at a time, with the sums of a strip in
// registers. If a matrix has few columns, such as the channels of an image, several rows are placed
// side by side to fill a strip.
#pragma once

#include <array>

#include "autodiff/kernels/vector.h"

namespace twice::kernel {

/// Columns of a strip: 4 vectors of f32 if vectors have 512 bits.
inline constexpr Index strip = 64;

/// One number for each column of a strip.
template <class T>
using Strip = std::array<T, strip>;

/// The number of rows with `columns` columns that fit side by side in a strip; at least 1.
constexpr Index rows_beside(Index columns) { return std::max<Index>(1, strip / columns); }

/// sums[j] = sum_i term(x[i * stride + j], j) over `rows` rows, for j in [0, width), and 0 for
/// other j. `term` must accept a single number, and a vector whose first number has column j.
template <class T, class Term>
void add_rows(const T* x, Index rows, Index stride, Index width, Strip<T>& sums, const Term& term) {
  sums.fill(T(0));
  if (width < strip) {
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < width; ++j)
        sums[static_cast<std::size_t>(j)] += term(x[i * stride + j], j);
    return;
  }
  constexpr Index lanes = full_lanes<T>;
  using V = Vector<T, lanes>;
  typename V::Type sum[strip / lanes] = {};
  for (Index i = 0; i < rows; ++i)
    for (Index v = 0; v < strip / lanes; ++v)
      sum[v] += term(V::load(x + i * stride + v * lanes), v * lanes);
  for (Index v = 0; v < strip / lanes; ++v) V::store(sums.data() + v * lanes, sum[v]);
}

/// Adds the sums of the rows that are side by side to those of the first row.
template <class T>
void fold(Strip<T>& sums, Index beside, Index columns) {
  for (Index j = columns; j < beside * columns; ++j)
    sums[static_cast<std::size_t>(j % columns)] += sums[static_cast<std::size_t>(j)];
}

/// Repeats the numbers of one row of `columns` in the layout of rows that are side by side.
template <class T>
void spread(const T* row, Index beside, Index columns, Strip<T>& wide) {
  for (Index j = 0; j < beside * columns; ++j) wide[static_cast<std::size_t>(j)] = row[j % columns];
}

}  // namespace twice::kernel
