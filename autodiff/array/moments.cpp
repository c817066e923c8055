// Mean and variance in one pass, tiles joined in a fixed order.
#include "autodiff/array/moments.h"

#include <cmath>

#include "autodiff/array/parallel.h"
#include "autodiff/array/strip.h"

namespace twice {

namespace {

/// The mean of some numbers, and the sum of their squared deviations from it.
struct Moments {
  double mean, deviation;
};

/// How (outer, count, inner) is cut: `tiles` runs of `rows` rows for each outer index.
struct Tiling {
  Index rows, tiles;
  explicit Tiling(const MomentExtents& e)
      : rows(std::max<Index>(32, elements_per_tile / std::max<Index>(1, e.inner))),
        tiles(std::max<Index>(1, ceil_div(e.count, rows))) {}
};

/// sums[j] = sum of term over column begin + j of a (rows, inner) tile; see strip.h.
template <class T, class Term>
void tile_sums(const T* x, Index rows, Index inner, Index begin, Strip<T>& sums, const Term& term) {
  const Index beside = rows_beside(inner), wide = beside * inner;
  add_rows(x + begin, rows / beside, wide, std::min(strip, wide - begin), sums, term);
  const T* rest = x + rows / beside * wide;
  for (Index j = 0; j < rows % beside * inner; ++j)
    sums[static_cast<std::size_t>(j)] += term(rest[j], j);
  fold(sums, beside, inner);
}

/// Moments of the columns of a (rows, inner) tile, a strip of columns at a time.
template <class T>
void tile_moments(const T* x, Index rows, Index inner, Moments* result) {
  for (Index begin = 0; begin < inner; begin += strip) {
    const Index width = std::min(strip, inner - begin);
    Strip<T> mean, means, deviation;
    tile_sums(x, rows, inner, begin, mean, [](auto numbers, Index) { return numbers; });
    for (Index j = 0; j < width; ++j) mean[static_cast<std::size_t>(j)] /= static_cast<T>(rows);
    spread(mean.data(), rows_beside(inner), width, means);
    tile_sums(x, rows, inner, begin, deviation, [&](auto numbers, Index j) {
      decltype(numbers) mean_of_them;
      std::memcpy(&mean_of_them, means.data() + j, sizeof mean_of_them);
      const auto d = numbers - mean_of_them;
      return d * d;
    });
    for (Index j = 0; j < width; ++j)
      result[begin + j] = {mean[static_cast<std::size_t>(j)],
                           deviation[static_cast<std::size_t>(j)]};
  }
}

/// The same for one column, with several sums side by side.
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
  const T mean = sum([](T value) { return value; }) / static_cast<T>(rows);
  *result = {mean, sum([=](T value) { return (value - mean) * (value - mean); })};
}

/// Calls body(task, rows, position) for the tiles of x, in parallel: task counts the tiles of all
/// outer indices, position is that of the tile's first number.
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

/// Fills moments[outer][tile][inner], then joins the tiles into tile 0 of each outer index.
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
        const double gap = next.mean - joined[i].mean;
        joined[i].mean += gap * added / (before + added);
        joined[i].deviation += next.deviation + gap * gap * before * added / (before + added);
      }
    }
  }
}

std::size_t moments_bytes(const MomentExtents& e) {
  return static_cast<std::size_t>(e.outer * Tiling(e).tiles * e.inner) * sizeof(Moments);
}

}  // namespace

std::size_t moments_workspace(const MomentExtents& e) {
  // The moments of all tiles; then, of the numbers' type, means and factors.
  return moments_bytes(e) + static_cast<std::size_t>(2 * e.outer * e.inner) * sizeof(double);
}

void variance(const Array& x, const MomentExtents& e, const Array& y, std::byte* workspace) {
  auto* moments = reinterpret_cast<Moments*>(workspace);
  const Tiling tiling(e);
  visit_float(x.dtype(), [&]<class T>(T) {
    all_moments(x.data<T>(), e, tiling, moments);
    for (Index outer = 0; outer < e.outer; ++outer)
      for (Index i = 0; i < e.inner; ++i)
        y.data<T>()[outer * e.inner + i] = static_cast<T>(
            moments[outer * tiling.tiles * e.inner + i].deviation / static_cast<double>(e.count));
  });
}

void standardize(const Array& x, const MomentExtents& e, double epsilon, const Array& y,
                 std::byte* workspace) {
  if (x.elements() == 0) return;
  auto* moments = reinterpret_cast<Moments*>(workspace);
  const Tiling tiling(e);
  visit_float(x.dtype(), [&]<class T>(T) {
    const T* in = x.data<T>();
    T* out = y.data<T>();
    all_moments(in, e, tiling, moments);
    T* mean = reinterpret_cast<T*>(workspace + moments_bytes(e));
    T* factor = mean + e.outer * e.inner;
    for (Index outer = 0; outer < e.outer; ++outer)
      for (Index i = 0; i < e.inner; ++i) {
        const Moments& m = moments[outer * tiling.tiles * e.inner + i];
        mean[outer * e.inner + i] = static_cast<T>(m.mean);
        factor[outer * e.inner + i] =
            static_cast<T>(1 / std::sqrt(m.deviation / static_cast<double>(e.count) + epsilon));
      }
    for_tiles(e, tiling, [&](Index task, Index rows, Index position) {
      const Index outer = task / tiling.tiles * e.inner;
      const T *from = in + position, *m = mean + outer, *f = factor + outer;
      T* to = out + position;
      if (e.inner == 1) {
        for (Index k = 0; k < rows; ++k) to[k] = (from[k] - *m) * *f;
        return;
      }
      const Index beside = rows_beside(e.inner), wide = beside * e.inner;
      Strip<T> means, factors;
      if (beside > 1) {
        spread(m, beside, e.inner, means);
        spread(f, beside, e.inner, factors);
        m = means.data(), f = factors.data();
      }
      const Index numbers = rows * e.inner;
      for (Index k = 0; k < numbers; k += wide)
        for (Index i = 0; i < std::min(wide, numbers - k); ++i)
          to[k + i] = (from[k + i] - m[i]) * f[i];
    });
  });
}

}  // namespace twice
