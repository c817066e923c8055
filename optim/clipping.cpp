#include "optim/clipping.h"

#include <cmath>
#include <unordered_set>

#include "autodiff/threads/parallel.h"

namespace twice {

namespace {

void check(std::span<const Array> gradient) {
  for (std::size_t i = 0; i < gradient.size(); ++i)
    if (gradient[i].empty() || !gradient[i].contiguous() || !is_float(gradient[i].dtype()))
      fail("clip", "gradient {} must be a contiguous array of f32 or f64", i);
}

double squared_norm(const Array& x) {
  return visit_float(x.dtype(), [&]<class T>(T) {
    const T* numbers = x.data<T>();
    std::vector<double> partial(
        static_cast<std::size_t>(ceil_div(x.elements(), elements_per_tile)));
    parallel_ranges(x.elements(), elements_per_tile, [&](Index first, Index last) {
      // Several partial sums fill the vector registers.
      constexpr Index lanes = 8;
      double sums[lanes] = {};
      for (Index i = first; i < last; i += lanes)
        for (Index lane = 0; lane < std::min(lanes, last - i); ++lane) {
          const auto number = static_cast<double>(numbers[i + lane]);
          sums[lane] += number * number;
        }
      double& sum = partial[static_cast<std::size_t>(first / elements_per_tile)];
      for (double part : sums) sum += part;
    });
    double sum = 0;
    for (double part : partial) sum += part;
    return sum;
  });
}

void scale(const Array& x, double factor) {
  visit_float(x.dtype(), [&]<class T>(T) {
    T* numbers = x.data<T>();
    const T by = static_cast<T>(factor);
    parallel_ranges(x.elements(), elements_per_tile, [&](Index first, Index last) {
      for (Index i = first; i < last; ++i) numbers[i] *= by;
    });
  });
}

}  // namespace

double global_norm(std::span<const Array> gradient) {
  check(gradient);
  double sum = 0;
  for (const Array& g : gradient) sum += squared_norm(g);
  return std::sqrt(sum);
}

double clip_by_global_norm(std::span<const Array> gradient, double max_norm) {
  if (!(max_norm > 0) || !std::isfinite(max_norm))
    fail("clip", "max_norm must be finite and > 0, was {}", max_norm);
  const double norm = global_norm(gradient);
  if (!std::isfinite(norm) || norm <= max_norm) return norm;
  std::unordered_set<const void*> done;
  for (const Array& g : gradient)
    if (done.insert(g.raw()).second) scale(g, max_norm / norm);
  return norm;
}

}  // namespace twice
