#include "autodiff/kernels/index.h"

#include "autodiff/threads/parallel.h"

namespace twice::kernel {

namespace {

/// Calls body(row) for rows of `row_size` elements. A tile has several rows if they are short.
template <class Body>
void for_rows(Index rows, Index row_size, const Body& body) {
  const Index grain = std::max<Index>(1, elements_per_tile / std::max<Index>(1, row_size));
  parallel_ranges(rows, grain, [&](Index first, Index last) {
    for (Index row = first; row < last; ++row) body(row);
  });
}

Index columns_of(const Array& x) { return x.shape().back(); }

Index rows_of(const Array& x) {
  Index rows = 1;
  for (int axis = 0; axis + 1 < x.rank(); ++axis) rows *= x.shape()[axis];
  return rows;
}

}  // namespace

void check_indices(std::string_view who, const Array& indices, Index size, std::string_view what) {
  const auto* index = indices.data<std::int32_t>();
  for (Index i = 0; i < indices.elements(); ++i)
    if (index[i] < 0 || index[i] >= size)
      fail(who, "{} {} at position {} is outside [0, {})", what, index[i], i, size);
}

void gather_rows(const Array& x, const Array& indices, const Array& y) {
  const auto* index = indices.data<std::int32_t>();
  const Index row = indices.elements() == 0 ? 0 : y.elements() / indices.elements();
  const auto bytes = static_cast<Index>(size_of(x.dtype())) * row;
  const auto* from = static_cast<const std::byte*>(x.raw());
  auto* to = static_cast<std::byte*>(y.raw());
  for_rows(indices.elements(), row,
           [&](Index k) { std::copy_n(from + index[k] * bytes, bytes, to + k * bytes); });
}

void scatter_add_rows(const Array& g, const Array& indices, const Array& x) {
  const auto* index = indices.data<std::int32_t>();
  visit_float(x.dtype(), [&]<class T>(T) {
    const T* from = g.data<T>();
    T* to = x.data<T>();
    std::fill_n(to, x.elements(), T(0));
    const Index count = indices.elements(), row = count == 0 ? 0 : g.elements() / count;
    // Each thread takes some columns. Each column adds its numbers in the order of k.
    constexpr Index strip = 64;
    parallel_ranges(row, strip, [&](Index first, Index last) {
      for (Index k = 0; k < count; ++k)
        for (Index j = first; j < last; ++j) to[index[k] * row + j] += from[k * row + j];
    });
  });
}

void gather_last(const Array& x, const Array& indices, const Array& y) {
  const auto* index = indices.data<std::int32_t>();
  const Index size = columns_of(x), count = columns_of(y);
  visit_any(x.dtype(), [&]<class T>(T) {
    const T* from = x.data<T>();
    T* to = y.data<T>();
    for_rows(rows_of(y), count, [&](Index r) {
      for (Index k = 0; k < count; ++k) to[r * count + k] = from[r * size + index[r * count + k]];
    });
  });
}

void scatter_add_last(const Array& g, const Array& indices, const Array& x) {
  const auto* index = indices.data<std::int32_t>();
  const Index size = columns_of(x), count = columns_of(g);
  visit_float(x.dtype(), [&]<class T>(T) {
    const T* from = g.data<T>();
    T* to = x.data<T>();
    for_rows(rows_of(g), size + count, [&](Index r) {
      std::fill_n(to + r * size, size, T(0));
      for (Index k = 0; k < count; ++k) to[r * size + index[r * count + k]] += from[r * count + k];
    });
  });
}

void arg_extreme_last(const Array& x, bool largest, const Array& y) {
  auto* position = y.data<std::int32_t>();
  const Index size = columns_of(x);
  visit_float(x.dtype(), [&]<class T>(T) {
    const T* from = x.data<T>();
    for_rows(rows_of(x), size, [&](Index r) {
      const T* row = from + r * size;
      Index best = 0;
      for (Index i = 1; i < size; ++i) {
        // In this form a NaN takes precedence over numbers, and the first NaN over later ones.
        const bool keeps = largest ? row[i] <= row[best] : row[i] >= row[best];
        if (!keeps && row[best] == row[best]) best = i;
      }
      position[r] = static_cast<std::int32_t>(best);
    });
  });
}

void one_hot_rows(const Array& labels, const Array& y) {
  const auto* label = labels.data<std::int32_t>();
  const Index classes = columns_of(y);
  visit_float(y.dtype(), [&]<class T>(T) {
    T* to = y.data<T>();
    for_rows(labels.elements(), classes, [&](Index r) {
      std::fill_n(to + r * classes, classes, T(0));
      to[r * classes + label[r]] = T(1);
    });
  });
}

}  // namespace twice::kernel
