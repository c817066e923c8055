// Mean and variance in one pass. Tiles are combined in a fixed order.
#include "autodiff/kernels/moments.h"

#include <cmath>
#include <limits>

#include "autodiff/kernels/strip.h"
#include "autodiff/threads/parallel.h"

namespace twice::kernel {

namespace {

/// The mean of some numbers, in two parts, and the sum of their squared deviations from it.
struct Moments {
  double mean, rest, deviation;
};

/// The cut of (outer, count, inner): `tiles` runs of `rows` rows for each outer index.
struct Tiling {
  Index rows, tiles;
  explicit Tiling(const MomentExtents& e)
      : rows(std::max<Index>(32, elements_per_tile / std::max<Index>(1, e.inner))),
        tiles(std::max<Index>(1, ceil_div(e.count, rows))) {}
};

/// sums[j] = the sum of term over column begin + j of a (rows, inner) tile; see strip.h.
template <class T, class Term>
void tile_sums(const T* x, Index rows, Index inner, Index begin, Strip<T>& sums, const Term& term) {
  const Index beside = rows_beside(inner), wide = beside * inner;
  add_rows(x + begin, rows / beside, wide, std::min(strip, wide - begin), sums, term);
  const T* rest = x + rows / beside * wide;
  for (Index j = 0; j < rows % beside * inner; ++j)
    sums[static_cast<std::size_t>(j)] += term(rest[j], j);
  fold(sums, beside, inner);
}

// Deviations are taken first from the tile's first number, the pivot, and then from their own mean.
// A large common part of the numbers then costs no digits. A pivot far from the other numbers costs
// no accuracy, because it adds the square of its distance to the sum.

/// Moments of the columns of a (rows, inner) tile, one strip of columns at a time.
template <class T>
void tile_moments(const T* x, Index rows, Index inner, Moments* result) {
  const Index beside = rows_beside(inner);
  const auto minus = [](auto numbers, const Strip<T>& strip_of_them, Index j) {
    decltype(numbers) others;
    std::memcpy(&others, strip_of_them.data() + j, sizeof others);
    return numbers - others;
  };
  for (Index begin = 0; begin < inner; begin += strip) {
    const Index width = std::min(strip, inner - begin);
    Strip<T> pivot, mean, means, deviation;
    spread(x + begin, beside, width, pivot);
    tile_sums(x, rows, inner, begin, mean,
              [&](auto numbers, Index j) { return minus(numbers, pivot, j); });
    for (Index j = 0; j < width; ++j) mean[static_cast<std::size_t>(j)] /= static_cast<T>(rows);
    spread(mean.data(), beside, width, means);
    tile_sums(x, rows, inner, begin, deviation, [&](auto numbers, Index j) {
      const auto d = minus(minus(numbers, pivot, j), means, j);
      return d * d;
    });
    for (Index j = 0; j < width; ++j) {
      const auto column = static_cast<std::size_t>(j);
      result[begin + j] = {static_cast<double>(pivot[column]), static_cast<double>(mean[column]),
                           static_cast<double>(deviation[column])};
    }
  }
}

/// The same for one column, with several partial sums.
template <class T>
void column_moments(const T* x, Index rows, Moments* result) {
  constexpr std::size_t lanes = 16;
  const auto sum = [&](auto&& term) {
    std::array<T, lanes> partial{};
    Index k = 0;
    for (; k + static_cast<Index>(lanes) <= rows; k += static_cast<Index>(lanes))
      for (std::size_t lane = 0; lane < lanes; ++lane)
        partial[lane] += term(x[k + static_cast<Index>(lane)]);
    for (std::size_t lane = 0; k < rows; ++k, ++lane) partial[lane] += term(x[k]);
    for (std::size_t half = lanes / 2; half > 0; half /= 2)
      for (std::size_t lane = 0; lane < half; ++lane) partial[lane] += partial[lane + half];
    return partial[0];
  };
  const T pivot = x[0];
  const T mean = sum([=](T value) { return value - pivot; }) / static_cast<T>(rows);
  const T deviation = sum([=](T value) {
    const T d = (value - pivot) - mean;
    return d * d;
  });
  *result = {static_cast<double>(pivot), static_cast<double>(mean), static_cast<double>(deviation)};
}

/// Calls body(task, rows, position) for the tiles of x, in parallel. `task` counts the tiles of all
/// outer indices; `position` is the index of the tile's first number in x.
template <class Body>
void for_tiles(const MomentExtents& e, const Tiling& tiling, const Body& body) {
  const Index tile_size = std::max<Index>(1, std::min(tiling.rows, e.count) * e.inner);
  const Index grain = std::max<Index>(1, elements_per_tile / tile_size);
  parallel_ranges(e.outer * tiling.tiles, grain, [&](Index first, Index last) {
    for (Index task = first; task < last; ++task) {
      const Index outer = task / tiling.tiles, row = task % tiling.tiles * tiling.rows;
      body(task, std::min(tiling.rows, e.count - row), (outer * e.count + row) * e.inner);
    }
  });
}

/// Fills moments[outer][tile][inner], then combines the tiles of each outer index into tile 0.
template <class T>
void all_moments(const T* x, const MomentExtents& e, const Tiling& tiling, Moments* moments) {
  for_tiles(e, tiling, [&](Index task, Index rows, Index position) {
    if (e.inner == 1)
      column_moments(x + position, rows, moments + task);
    else
      tile_moments(x + position, rows, e.inner, moments + task * e.inner);
  });
  for (Index outer = 0; outer < e.outer; ++outer) {
    Moments* joined = moments + outer * tiling.tiles * e.inner;
    for (Index tile = 1; tile < tiling.tiles; ++tile) {
      const auto before = static_cast<double>(tile * tiling.rows);
      const auto added = static_cast<double>(std::min(tiling.rows, e.count - tile * tiling.rows));
      for (Index i = 0; i < e.inner; ++i) {
        const Moments& next = joined[tile * e.inner + i];
        const double gap = (next.mean - joined[i].mean) + (next.rest - joined[i].rest);
        joined[i].rest += gap * added / (before + added);
        joined[i].deviation += next.deviation + gap * gap * before * added / (before + added);
      }
    }
  }
}

std::size_t moments_bytes(const MomentExtents& e) {
  return static_cast<std::size_t>(e.outer * Tiling(e).tiles * e.inner) * sizeof(Moments);
}

/// A mean in two parts, in units of 2^exponent, and a variance, in units of its square.
struct ScaledMoments {
  double mean, rest, variance;
  int exponent;
};

/// Moments of `count` numbers, `stride` apart, whose squares overflow in their dtype.
template <class T>
ScaledMoments scaled_moments(const T* x, Index count, Index stride) {
  T largest = 0;
  for (Index k = 0; k < count; ++k) {
    if (!std::isfinite(x[k * stride])) return {std::nan(""), 0, std::nan(""), 0};
    largest = std::max(largest, std::abs(x[k * stride]));
  }
  const int exponent = largest > 0 ? std::ilogb(largest) : 0;
  const auto number = [&](Index k) {
    return static_cast<long double>(std::ldexp(static_cast<double>(x[k * stride]), -exponent));
  };
  long double mean = 0, variance = 0;
  for (Index k = 0; k < count; ++k) mean += number(k);
  mean /= static_cast<long double>(count);
  for (Index k = 0; k < count; ++k) variance += (number(k) - mean) * (number(k) - mean);
  variance /= static_cast<long double>(count);
  return {static_cast<double>(mean), 0, static_cast<double>(variance), exponent};
}

/// Calls body(column, moments) for each pair of outer and inner index, numbered consecutively.
template <class T, class Body>
void for_columns(const T* x, const MomentExtents& e, const Tiling& tiling, const Moments* moments,
                 const Body& body) {
  for (Index outer = 0; outer < e.outer; ++outer)
    for (Index i = 0; i < e.inner; ++i) {
      const Moments& m = moments[outer * tiling.tiles * e.inner + i];
      body(outer * e.inner + i,
           std::isfinite(m.deviation)
               ? ScaledMoments{m.mean, m.rest, m.deviation / static_cast<double>(e.count), 0}
               : scaled_moments(x + outer * e.count * e.inner + i, e.count, e.inner));
    }
}

}  // namespace

std::size_t moments_workspace(const MomentExtents& e) {
  // The moments of all tiles; then the means in two parts and the factors, in the dtype of x.
  return moments_bytes(e) + static_cast<std::size_t>(3 * e.outer * e.inner) * sizeof(double);
}

namespace {

/// 1 / sqrt(variance + epsilon) of a column.
double inverse_deviation_of(const ScaledMoments& m, double epsilon) {
  return std::ldexp(1 / std::sqrt(m.variance + std::ldexp(epsilon, -2 * m.exponent)), -m.exponent);
}

}  // namespace

void variance(const Array& x, const MomentExtents& e, const Array& y, std::byte* workspace) {
  auto* moments = reinterpret_cast<Moments*>(workspace);
  const Tiling tiling(e);
  visit_float(x.dtype(), [&]<class T>(T) {
    if (x.elements() == 0) {
      std::fill_n(y.data<T>(), y.elements(), std::numeric_limits<T>::quiet_NaN());
      return;
    }
    all_moments(x.data<T>(), e, tiling, moments);
    for_columns(x.data<T>(), e, tiling, moments, [&](Index column, const ScaledMoments& m) {
      y.data<T>()[column] = static_cast<T>(std::ldexp(m.variance, 2 * m.exponent));
    });
  });
}

void inverse_deviation(const Array& x, const Array& variances, const MomentExtents& e,
                       double epsilon, const Array& y) {
  visit_float(x.dtype(), [&]<class T>(T) {
    for (Index column = 0; column < y.elements(); ++column) {
      const auto v = static_cast<double>(variances.data<T>()[column]);
      const T* first = x.data<T>() + column / e.inner * e.count * e.inner + column % e.inner;
      y.data<T>()[column] = static_cast<T>(inverse_deviation_of(
          std::isinf(v) ? scaled_moments(first, e.count, e.inner) : ScaledMoments{0, 0, v, 0},
          epsilon));
    }
  });
}

namespace {

/// y = (x - mean) factor(m), where m are the moments of a column.
template <class Factor>
void transform(const Array& x, const MomentExtents& e, const Array& y, std::byte* workspace,
               const Factor& factor_of) {
  if (x.elements() == 0) return;
  auto* moments = reinterpret_cast<Moments*>(workspace);
  const Tiling tiling(e);
  visit_float(x.dtype(), [&]<class T>(T) {
    const T* in = x.data<T>();
    T* out = y.data<T>();
    all_moments(in, e, tiling, moments);
    // The mean, and its rounding error in T.
    T* mean = reinterpret_cast<T*>(workspace + moments_bytes(e));
    T* rest = mean + e.outer * e.inner;
    T* factor = rest + e.outer * e.inner;
    T part = 1;
    for_columns(in, e, tiling, moments, [&](Index column, const ScaledMoments& m) {
      const double first = std::ldexp(m.mean, m.exponent), second = std::ldexp(m.rest, m.exponent);
      mean[column] = static_cast<T>(first + second);
      rest[column] = static_cast<T>((first - static_cast<double>(mean[column])) + second);
      factor[column] = static_cast<T>(factor_of(m));
      if (m.exponent != 0) part = T(0.5);
    });
    // Differences near the end of the range would overflow; differences of halves do not.
    for (Index column = 0; part != 1 && column < e.outer * e.inner; ++column) {
      mean[column] *= part;
      rest[column] *= part;
      factor[column] /= part;
    }
    for_tiles(e, tiling, [&](Index task, Index rows, Index position) {
      const Index outer = task / tiling.tiles * e.inner;
      const T *from = in + position, *m = mean + outer, *r = rest + outer, *f = factor + outer;
      T* to = out + position;
      if (e.inner == 1) {
        for (Index k = 0; k < rows; ++k) to[k] = ((from[k] * part - *m) - *r) * *f;
        return;
      }
      const Index beside = rows_beside(e.inner), wide = beside * e.inner;
      Strip<T> means, rests, factors;
      if (beside > 1) {
        spread(m, beside, e.inner, means);
        spread(r, beside, e.inner, rests);
        spread(f, beside, e.inner, factors);
        m = means.data(), r = rests.data(), f = factors.data();
      }
      const Index numbers = rows * e.inner;
      Index k = 0;
      if (wide == strip) {
        // The means and factors of the columns stay in registers.
        using V = Vector<T, full_lanes<T>>;
        constexpr Index lanes = full_lanes<T>, vectors = strip / lanes;
        typename V::Type of_mean[vectors], of_rest[vectors], of_factor[vectors];
        for (Index v = 0; v < vectors; ++v) {
          of_mean[v] = V::load(m + v * lanes);
          of_rest[v] = V::load(r + v * lanes);
          of_factor[v] = V::load(f + v * lanes);
        }
        for (; k + strip <= numbers; k += strip)
          for (Index v = 0; v < vectors; ++v)
            V::store(
                to + k + v * lanes,
                ((V::load(from + k + v * lanes) * part - of_mean[v]) - of_rest[v]) * of_factor[v]);
      }
      for (; k < numbers; k += wide)
        for (Index i = 0; i < std::min(wide, numbers - k); ++i)
          to[k + i] = ((from[k + i] * part - m[i]) - r[i]) * f[i];
    });
  });
}

}  // namespace

void center(const Array& x, const MomentExtents& e, const Array& y, std::byte* workspace) {
  transform(x, e, y, workspace, [](const ScaledMoments&) { return 1.0; });
}

void standardize(const Array& x, const MomentExtents& e, double epsilon, const Array& y,
                 std::byte* workspace) {
  transform(x, e, y, workspace,
            [&](const ScaledMoments& m) { return inverse_deviation_of(m, epsilon); });
}

}  // namespace twice::kernel
