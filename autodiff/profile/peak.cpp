// The measured peaks of product kernel and memory, and the bound that they set.
#include "autodiff/profile/peak.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "autodiff/kernels/blas.h"
#include "autodiff/kernels/matmul.h"
#include "autodiff/threads/parallel.h"

namespace twice {

namespace {

/// The least seconds of `repeats` calls, or of as many as begin within the first second.
template <class Work>
double best_seconds(int repeats, const Work& work) {
  double best = 1e300, total = 0;
  for (int repeat = 0; repeat < repeats && total < 1; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::min(best, seconds.count());
    total += seconds.count();
  }
  return best;
}

template <class Product>
double product_gflops(DType dtype, int repeats, const Product& product) {
  constexpr Index n = 1024;
  const Array a = Array::filled({n, n}, dtype, 0.5), b = Array::filled({n, n}, dtype, 0.25);
  const Array c({n, n}, dtype);
  return 2.0 * n * n * n / best_seconds(repeats, [&] { product(a, b, c); }) / 1e9;
}

std::vector<int> thread_counts(int most) {
  std::vector<int> counts;
  for (int count = 1; count < most; count = most <= 8 ? count + 1 : 2 * count)
    counts.push_back(count);
  counts.push_back(most);
  return counts;
}

}  // namespace

double measured_peak_gflops(DType dtype, int repeats) {
  return product_gflops(dtype, repeats, [](const Array& a, const Array& b, const Array& c) {
    kernel::matmul(a, b, false, false, c);
  });
}

double measured_blas_gflops(DType dtype, int repeats) {
  return product_gflops(dtype, repeats, kernel::blas_matmul);
}

std::size_t stream_bytes() {
  long cache = 0;
#ifdef _SC_LEVEL3_CACHE_SIZE
  cache = std::max(sysconf(_SC_LEVEL2_CACHE_SIZE), sysconf(_SC_LEVEL3_CACHE_SIZE));
#endif
  // What is said of the last cache may be that of a whole server, of which this is a small part.
  constexpr long least = 64L << 20, most = 128L << 20;
  return static_cast<std::size_t>(std::clamp(2 * cache, least, most));
}

double measured_stream_gbs(DType dtype) {
  return visit_float(dtype, [&]<class T>(T) {
    const auto count = static_cast<Index>(stream_bytes() / sizeof(T));
    const Array a({count}, dtype), b = Array::filled({count}, dtype, 1),
                                   c = Array::filled({count}, dtype, 2);
    T* to = a.data<T>();
    const T *first = b.data<T>(), *second = c.data<T>();
    const double seconds = best_seconds(6, [&] {
      parallel_ranges(count, Index{1} << 18, [&](Index from, Index end) {
        for (Index i = from; i < end; ++i) to[i] = first[i] + T(3) * second[i];
      });
    });
    return 3.0 * static_cast<double>(stream_bytes()) / seconds / 1e9;
  });
}

std::vector<Peak> measured_peaks(DType dtype, int most) {
  const int before = threads();
  std::vector<Peak> peaks;
  for (int count : thread_counts(most)) {
    set_threads(count);
    peaks.push_back({count, measured_peak_gflops(dtype), measured_stream_gbs(dtype)});
  }
  set_threads(before);
  return peaks;
}

void keep_best(std::vector<Peak>& best, const std::vector<Peak>& again) {
  for (std::size_t i = 0; i < best.size(); ++i) {
    best[i].gflops = std::max(best[i].gflops, again[i].gflops);
    best[i].gbs = std::max(best[i].gbs, again[i].gbs);
  }
}

std::string_view str(Limit limit) {
  constexpr std::string_view names[] = {"compute", "memory", "overhead"};
  return names[static_cast<int>(limit)];
}

Bound bound_of(const Cost& cost, double seconds, const Peak& peak) {
  const double arithmetic = cost.flops / (peak.gflops * 1e9),
               memory = cost.bytes / (peak.gbs * 1e9);
  Bound bound;
  bound.seconds = std::max(arithmetic, memory);
  bound.share = seconds > 0 ? bound.seconds / seconds : 0;
  if (bound.share >= least_explained)
    bound.limit = arithmetic >= memory ? Limit::compute : Limit::memory;
  return bound;
}

}  // namespace twice
