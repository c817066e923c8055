#include "autodiff/kernels/softmax.h"

#include <array>
#include <cmath>
#include <limits>
#include <xsimd/xsimd.hpp>

#include "autodiff/kernels/elementary.h"
#include "autodiff/threads/parallel.h"

namespace twice::kernel {

namespace {

template <class T>
constexpr Index width = static_cast<Index>(xsimd::batch<T>::size);

template <class T>
constexpr T minus_infinity = -std::numeric_limits<T>::infinity();

template <class T>
void store(T* y, Index i, Index count, const xsimd::batch<T>& value) {
  if (i + width<T> <= count) return value.store_unaligned(y + i);
  std::array<T, xsimd::batch<T>::size> tail;
  value.store_unaligned(tail.data());
  std::copy_n(tail.begin(), count - i, y + i);
}

/// The sum of the lanes of a vector, in a fixed order.
template <class T>
T lane_sum(const xsimd::batch<T>& vector) {
  std::array<T, xsimd::batch<T>::size> numbers;
  vector.store_unaligned(numbers.data());
  for (std::size_t half = numbers.size() / 2; half > 0; half /= 2)
    for (std::size_t lane = 0; lane < half; ++lane) numbers[lane] += numbers[lane + half];
  return numbers[0];
}

/// The position of the first largest number of a row; 0 if all numbers are NaN or minus infinity.
template <class T>
Index largest_of(const T* x, Index count) {
  Index at = 0;
  T largest = minus_infinity<T>;
  for (Index i = 0; i < count; ++i)
    if (x[i] > largest) largest = x[at = i];
  return at;
}

/// sum_j e^(x[j] - shift) of a row. The largest term is 1 and is kept separate from the rest. If
/// the rest is small, the logarithm and 1 - softmax depend on it.
template <class T>
struct RowSum {
  /// The position of the largest number; -1 if that number is infinite. The shift is then 0,
  /// because infinity - infinity is NaN.
  Index largest;
  T shift, rest;
  T total() const { return largest < 0 ? rest : T(1) + rest; }
  T log_total() const { return largest < 0 ? std::log(rest) : std::log1p(rest); }
};

/// The sum of a row. Calls visit(i, vector of exponentials) for each vector of the row. For the
/// largest number the exponential is given as 0, not 1.
template <class T, class Visit>
RowSum<T> sum_exp(const T* x, Index count, const Visit& visit) {
  RowSum<T> sum{-1, T(0), T(0)};
  const Index at = count > 0 ? largest_of(x, count) : 0;
  if (count > 0 && std::isfinite(x[at])) sum = {at, x[at], T(0)};
  xsimd::batch<T> rest(T(0));
  for (Index i = 0; i < count; i += width<T>) {
    xsimd::batch<T> d;
    if (i + width<T> <= count && !(i <= sum.largest && sum.largest < i + width<T>)) {
      d = xsimd::batch<T>::load_unaligned(x + i) - xsimd::batch<T>(sum.shift);
    } else {
      // Unused lanes hold a finite number whose exponential is 0, so they cause no floating-point
      // exceptions.
      std::array<T, xsimd::batch<T>::size> numbers;
      numbers.fill(T(-1000));
      for (Index j = i; j < std::min(count, i + width<T>); ++j)
        if (j != sum.largest) numbers[static_cast<std::size_t>(j - i)] = x[j] - sum.shift;
      d = xsimd::batch<T>::load_unaligned(numbers.data());
    }
    const xsimd::batch<T> e = kernel::exp(d);
    visit(i, e);
    rest += e;
  }
  sum.rest = lane_sum(rest);
  return sum;
}

template <class T>
RowSum<T> sum_exp(const T* x, Index count) {
  return sum_exp(x, count, [](Index, const xsimd::batch<T>&) {});
}

/// y = softmax(x) for one row.
template <class T>
RowSum<T> softmax_row(const T* x, Index count, T* y) {
  const RowSum<T> sum = sum_exp(x, count, [&](Index i, const auto& e) { store(y, i, count, e); });
  if (sum.largest >= 0) y[sum.largest] = T(1);
  const T total = sum.total();
  for (Index i = 0; i < count; ++i) y[i] /= total;
  return sum;
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
    softmax_row(static_cast<const T*>(x.raw()) + row * columns, columns,
                static_cast<T*>(y.raw()) + row * columns);
  });
}

void softmax_product_rows(const Array& y, const Array& v, const Array& z) {
  for_rows(y, [&]<class T>(T, Index row, Index columns) {
    const T* p = static_cast<const T*>(y.raw()) + row * columns;
    const T* in = static_cast<const T*>(v.raw()) + row * columns;
    T* out = static_cast<T*>(z.raw()) + row * columns;
    if (columns == 0) return;
    const T pivot = in[largest_of(p, columns)];
    const Index whole = columns - columns % width<T>;
    xsimd::batch<T> sums(T(0));
    for (Index i = 0; i < whole; i += width<T>)
      sums += xsimd::batch<T>::load_unaligned(p + i) *
              (xsimd::batch<T>::load_unaligned(in + i) - xsimd::batch<T>(pivot));
    T mean = lane_sum(sums);
    for (Index i = whole; i < columns; ++i) mean += p[i] * (in[i] - pivot);
    for (Index i = 0; i < columns; ++i) out[i] = p[i] * ((in[i] - pivot) - mean);
  });
}

void log_softmax_rows(const Array& x, const Array& y) {
  for_rows(x, [&]<class T>(T, Index row, Index columns) {
    const T* in = static_cast<const T*>(x.raw()) + row * columns;
    T* out = static_cast<T*>(y.raw()) + row * columns;
    const RowSum<T> sum = sum_exp(in, columns);
    const T log_total = sum.log_total();
    for (Index i = 0; i < columns; ++i) out[i] = in[i] - sum.shift - log_total;
  });
}

void logsumexp_rows(const Array& x, const Array& y) {
  for_rows(x, [&]<class T>(T, Index row, Index columns) {
    const RowSum<T> sum = sum_exp(static_cast<const T*>(x.raw()) + row * columns, columns);
    static_cast<T*>(y.raw())[row] = sum.shift + sum.log_total();
  });
}

void cross_entropy_rows(const Array& x, const Array& labels, const Array& y) {
  const auto* label = labels.data<std::int32_t>();
  for_rows(x, [&]<class T>(T, Index row, Index columns) {
    const T* in = static_cast<const T*>(x.raw()) + row * columns;
    const RowSum<T> sum = sum_exp(in, columns);
    static_cast<T*>(y.raw())[row] = sum.log_total() - (in[label[row]] - sum.shift);
  });
}

void softmax_error_rows(const Array& x, const Array& labels, const Array& y) {
  const auto* label = labels.data<std::int32_t>();
  for_rows(x, [&]<class T>(T, Index row, Index columns) {
    T* out = static_cast<T*>(y.raw()) + row * columns;
    const RowSum<T> sum = softmax_row(static_cast<const T*>(x.raw()) + row * columns, columns, out);
    T& at_label = out[label[row]];
    at_label = label[row] == sum.largest ? -sum.rest / sum.total() : at_label - T(1);
  });
}

}  // namespace twice::kernel
