// Sums as trees whose form depends on the shapes only.
#include "autodiff/kernels/reduce.h"

#include <array>
#include <cmath>
#include <limits>

#include "autodiff/kernels/strip.h"
#include "autodiff/threads/parallel.h"

namespace twice::kernel {

namespace {

// A long sum is cut into blocks of this many numbers. The sums of the blocks are added pairwise.
constexpr Index block = 4096;
// Partial sums of a block: they fill vector registers and shorten each chain of additions.
constexpr int lanes = 16;

template <class T>
T block_sum(const T* x, Index count) {
  std::array<T, lanes> partial{};
  Index i = 0;
  for (; i + lanes <= count; i += lanes)
    for (int lane = 0; lane < lanes; ++lane) partial[static_cast<std::size_t>(lane)] += x[i + lane];
  for (int lane = 0; i < count; ++i, ++lane) partial[static_cast<std::size_t>(lane)] += x[i];
  for (std::size_t half = lanes / 2; half > 0; half /= 2)
    for (std::size_t lane = 0; lane < half; ++lane) partial[lane] += partial[lane + half];
  return partial[0];
}

/// The sum of contiguous numbers, as a balanced tree of block sums.
template <class T>
T tree_sum(const T* x, Index count) {
  if (count <= block) return block_sum(x, count);
  const Index left = ceil_div(ceil_div(count, block), 2) * block;
  return tree_sum(x, left) + tree_sum(x + left, count - left);
}

// Parallel sums are cut into at most this many parts. The number depends on the shape only.
constexpr Index most_parts = 32;

Index parts_of(Index work) { return std::clamp<Index>(work / elements_per_tile, 1, most_parts); }

/// The sum of contiguous numbers, in parallel if there are many.
template <class T>
T parallel_sum(const T* x, Index count) {
  const Index parts = parts_of(count), size = ceil_div(count, parts);
  std::array<T, most_parts> partial{};
  parallel_for(parts, [&](Index part) {
    const Index first = std::min(count, part * size);
    partial[static_cast<std::size_t>(part)] = tree_sum(x + first, std::min(size, count - first));
  });
  return tree_sum(partial.data(), parts);
}

/// y[j] = sum_i x[i, j] for a (rows, columns) matrix, in strips of columns and blocks of rows.
/// Several rows of a narrow matrix are treated as one row with the width of a strip.
template <class T>
void column_sums(const T* x, Index rows, Index columns, T* y) {
  constexpr Index row_block = 32;
  const Index beside = rows_beside(columns), wide = beside * columns;
  const Index parts = parts_of(rows * std::min(strip, columns));
  const Index size = ceil_div(ceil_div(rows, parts), beside) * beside;
  parallel_for(ceil_div(wide, strip), [&](Index s) {
    const Index begin = s * strip, width = std::min(strip, wide - begin);
    std::array<Strip<T>, most_parts> partial;
    parallel_for(parts, [&](Index part) {
      Strip<T>& sums = partial[static_cast<std::size_t>(part)];
      sums.fill(T(0));
      const Index last = std::min(rows, (part + 1) * size);
      for (Index row = std::min(rows, part * size); row < last; row += row_block * beside) {
        const Index count = std::min(last - row, row_block * beside);
        Strip<T> few;
        add_rows(x + row * columns + begin, count / beside, wide, width, few,
                 [](auto numbers, Index) { return numbers; });
        for (std::size_t j = 0; j < strip; ++j) sums[j] += few[j];
        const T* rest = x + (row + count / beside * beside) * columns;
        for (Index j = 0; j < count % beside * columns; ++j)
          sums[static_cast<std::size_t>(j)] += rest[j];
      }
    });
    Strip<T> total{};
    for (Index part = 0; part < parts; ++part)
      for (std::size_t j = 0; j < strip; ++j)
        total[j] += partial[static_cast<std::size_t>(part)][j];
    fold(total, beside, columns);
    std::copy_n(total.begin(), std::min(width, columns - begin), y + begin);
  });
}

/// Neighbouring axes that are all summed or all kept.
struct Run {
  Index size;
  bool summed;
};

/// The axes of x, merged into alternating summed and kept runs.
int merged_runs(const Shape& x, const Shape& y, std::array<Run, max_rank>& runs) {
  std::size_t count = 0;
  const int lead = x.rank() - y.rank();
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (x[axis] == 1) continue;
    const bool summed = axis < lead || y[axis - lead] == 1;
    if (count > 0 && runs[count - 1].summed == summed)
      runs[count - 1].size *= x[axis];
    else
      runs[count++] = {x[axis], summed};
  }
  return static_cast<int>(count);
}

/// The size and the memory stride of a summed run.
struct Strided {
  Index size, stride;
};

/// The sum over nested runs, each as a balanced tree.
template <class T>
T nested_sum(const T* x, const Strided* run, int count) {
  if (count == 0) return *x;
  if (count == 1 && run->stride == 1) return tree_sum(x, run->size);
  if (run->size > 8) {
    const Index half = run->size / 2;
    Strided parts[max_rank];
    std::copy_n(run, count, parts);
    parts[0].size = half;
    const T left = nested_sum(x, parts, count);
    parts[0].size = run->size - half;
    return left + nested_sum(x + half * run->stride, parts, count);
  }
  T sum = 0;
  for (Index i = 0; i < run->size; ++i) sum += nested_sum(x + i * run->stride, run + 1, count - 1);
  return sum;
}

/// The sums for any pattern of runs, one element of y after another.
template <class T>
void sum_each(const Run* run, int count, const T* x, Index x_size, T* y, Index y_size) {
  std::array<Strided, max_rank> summed{}, kept{};
  int summed_count = 0, kept_count = 0;
  for (int r = 0; r < count; ++r) {
    x_size /= run[r].size;
    const Strided strided{run[r].size, x_size};
    if (run[r].summed)
      summed[static_cast<std::size_t>(summed_count++)] = strided;
    else
      kept[static_cast<std::size_t>(kept_count++)] = strided;
  }
  parallel_ranges(y_size, 16, [&](Index first, Index last) {
    for (Index i = first; i < last; ++i) {
      Index rest = i, offset = 0;
      for (int r = kept_count - 1; r >= 0; --r) {
        const Strided& axis = kept[static_cast<std::size_t>(r)];
        offset += rest % axis.size * axis.stride;
        rest /= axis.size;
      }
      y[i] = nested_sum(x + offset, summed.data(), summed_count);
    }
  });
}

template <class T>
void sum_runs(const Run* run, int count, const T* x, Index x_size, T* y, Index y_size) {
  if (count == 0 || (count == 1 && !run->summed)) {
    std::copy_n(x, x_size, y);
  } else if (count == 1) {
    *y = parallel_sum(x, x_size);
  } else if (run->summed && count == 2) {
    column_sums(x, run[0].size, run[1].size, y);
  } else if (run->summed) {
    sum_each(run, count, x, x_size, y, y_size);
  } else {
    const Index inner_x = x_size / run->size, inner_y = y_size / run->size;
    parallel_ranges(
        run->size, std::max<Index>(1, elements_per_tile / inner_x), [&](Index first, Index last) {
          for (Index i = first; i < last; ++i)
            sum_runs(run + 1, count - 1, x + i * inner_x, inner_x, y + i * inner_y, inner_y);
        });
  }
}

}  // namespace

void sum_to(const Array& x, const Array& y) {
  std::array<Run, max_rank> runs;
  const int count = merged_runs(x.shape(), y.shape(), runs);
  visit_float(x.dtype(), [&]<class T>(T) {
    if (x.elements() == 0)
      std::fill_n(y.data<T>(), y.elements(), T(0));
    else
      sum_runs(runs.data(), count, x.data<T>(), x.elements(), y.data<T>(), y.elements());
  });
}

bool all_finite(const Array& x) { return !is_float(x.dtype()) || std::isfinite(largest_size(x)); }

bool in_the_middle(const Array& x) {
  const double most = x.dtype() == DType::f32 ? 0x1p100 : 0x1p900, size = largest_size(x);
  return size >= 1 / most && size <= most;
}

double largest_size(const Array& x) {
  return visit_float(x.dtype(), [&]<class T>(T) -> double {
    const T* numbers = x.data<T>();
    const Index count = x.elements(), parts = parts_of(count), size = ceil_div(count, parts);
    std::array<T, most_parts> largest{};
    parallel_for(parts, [&](Index part) {
      std::array<T, lanes> found{};
      const auto see = [&](std::size_t lane, T number) {
        // In this form a NaN counts as infinite.
        const T size_of_it = std::abs(number) <= std::numeric_limits<T>::max()
                                 ? std::abs(number)
                                 : std::numeric_limits<T>::infinity();
        found[lane] = size_of_it > found[lane] ? size_of_it : found[lane];
      };
      Index i = std::min(count, part * size);
      const Index last = std::min(count, (part + 1) * size);
      for (; i + lanes <= last; i += lanes)
        for (std::size_t lane = 0; lane < lanes; ++lane)
          see(lane, numbers[i + static_cast<Index>(lane)]);
      for (; i < last; ++i) see(0, numbers[i]);
      largest[static_cast<std::size_t>(part)] = *std::max_element(found.begin(), found.end());
    });
    return *std::max_element(largest.begin(), largest.end());
  });
}

}  // namespace twice::kernel
