// Kernels of softmax and its relatives, a row at a time.
#include "autodiff/array/softmax.h"

#include <cmath>
#include <limits>
#include <xsimd/xsimd.hpp>

#include "autodiff/array/parallel.h"

namespace twice {

namespace {

template <class T>
constexpr Index width = static_cast<Index>(xsimd::batch<T>::size);

template <class T>
constexpr T minus_infinity = -std::numeric_limits<T>::infinity();

/// The vector of x's numbers from i on, filled up with minus infinity past `count`.
template <class T>
xsimd::batch<T> load(const T* x, Index i, Index count) {
  if (i + width<T> <= count) return xsimd::batch<T>::load_unaligned(x + i);
  std::array<T, xsimd::batch<T>::size> tail;
  tail.fill(minus_infinity<T>);
  std::copy(x + i, x + count, tail.begin());
  return xsimd::batch<T>::load_unaligned(tail.data());
}

template <class T>
void store(T* y, Index i, Index count, const xsimd::batch<T>& value) {
  if (i + width<T> <= count) return value.store_unaligned(y + i);
  std::array<T, xsimd::batch<T>::size> tail;
  value.store_unaligned(tail.data());
  std::copy_n(tail.begin(), count - i, y + i);
}

/// The largest number of a row; 0 where that is infinite, since infinity - infinity is NaN.
template <class T>
T row_shift(const T* x, Index count) {
  T largest = minus_infinity<T>;
  for (Index i = 0; i < count; ++i) largest = x[i] > largest ? x[i] : largest;
  return std::isfinite(largest) ? largest : T(0);
}

/// sum_j e^(x[j] - shift). Calls visit(i, vector of exponentials) on the way.
template <class T, class Visit>
T sum_exp(const T* x, Index count, T shift, const Visit& visit) {
  xsimd::batch<T> total(T(0));
  for (Index i = 0; i < count; i += width<T>) {
    const xsimd::batch<T> e = xsimd::exp(load(x, i, count) - xsimd::batch<T>(shift));
    visit(i, e);
    total += e;
  }
  std::array<T, xsimd::batch<T>::size> lanes;
  total.store_unaligned(lanes.data());
  for (std::size_t half = lanes.size() / 2; half > 0; half /= 2)
    for (std::size_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  return lanes[0];
}

template <class T>
T sum_exp(const T* x, Index count, T shift) {
  return sum_exp(x, count, shift, [](Index, const xsimd::batch<T>&) {});
}

/// Calls body(T{}, row, columns) for each row of x, in parallel.
template <class Body>
void for_rows(const Array& x, const Body& body) {
  const Index columns = x.shape().back();
  Index rows = 1;
  for (int axis = 0; axis + 1 < x.rank(); ++axis) rows *= x.shape()[axis];
  visit_float(x.dtype(), [&]<class T>(T) {
    parallel_ranges(rows, std::max<Index>(1, elements_per_tile / std::max<Index>(1, columns)),
                    [&](Index first, Index last) {
                      for (Index row = first; row < last; ++row) body(T{}, row, columns);
                    });
  });
}

}  // namespace

void softmax_rows(const Array& x, const Array& y) {
  for_rows(x, [&]<class T>(T, Index row, Index columns) {
    const T* in = static_cast<const T*>(x.raw()) + row * columns;
    T* out = static_cast<T*>(y.raw()) + row * columns;
    const T total = sum_exp(in, columns, row_shift(in, columns),
                            [&](Index i, const auto& e) { store(out, i, columns, e); });
    for (Index i = 0; i < columns; ++i) out[i] /= total;
  });
}

void log_softmax_rows(const Array& x, const Array& y) {
  for_rows(x, [&]<class T>(T, Index row, Index columns) {
    const T* in = static_cast<const T*>(x.raw()) + row * columns;
    T* out = static_cast<T*>(y.raw()) + row * columns;
    const T shift = row_shift(in, columns), log_total = std::log(sum_exp(in, columns, shift));
    for (Index i = 0; i < columns; ++i) out[i] = in[i] - shift - log_total;
  });
}

void logsumexp_rows(const Array& x, const Array& y) {
  for_rows(x, [&]<class T>(T, Index row, Index columns) {
    const T* in = static_cast<const T*>(x.raw()) + row * columns;
    const T shift = row_shift(in, columns);
    static_cast<T*>(y.raw())[row] = shift + std::log(sum_exp(in, columns, shift));
  });
}

void cross_entropy_rows(const Array& x, const Array& labels, const Array& y) {
  const auto* label = labels.data<std::int32_t>();
  for_rows(x, [&]<class T>(T, Index row, Index columns) {
    const T* in = static_cast<const T*>(x.raw()) + row * columns;
    const T shift = row_shift(in, columns);
    static_cast<T*>(y.raw())[row] =
        std::log(sum_exp(in, columns, shift)) - (in[label[row]] - shift);
  });
}

}  // namespace twice
