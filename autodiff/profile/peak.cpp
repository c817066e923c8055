// Measurements of the product kernels, the caches and the memory.
#include "autodiff/profile/peak.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "autodiff/kernels/blas.h"
#include "autodiff/kernels/matmul.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/plan/plan.h"
#include "autodiff/profile/clock.h"
#include "autodiff/threads/parallel.h"

namespace twice {

namespace {

/// The least seconds of one call. Makes up to `repeats` calls, but begins none after one second.
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

/// noinline: otherwise the compiler could merge several passes over the arrays.
template <class T>
[[gnu::noinline]] void triad(T* to, const T* b, const T* c, Index count) {
  for (Index i = 0; i < count; ++i) to[i] = b[i] + T(3) * c[i];
}

/// The rates for arrays from 2 KiB to `stream_bytes`.
std::vector<Rate> measured_rates(DType dtype) {
  std::vector<double> sizes;
  const auto most = static_cast<double>(stream_bytes());
  for (double bytes = 2048; bytes < most / 2; bytes *= bytes < 8e6 ? std::sqrt(2.0) : 2)
    sizes.push_back(bytes);
  sizes.push_back(most);
  return visit_float(dtype, [&]<class T>(T) {
    const auto all = static_cast<Index>(stream_bytes() / sizeof(T));
    const Array a({all}, dtype), b = Array::filled({all}, dtype, 1),
                                 c = Array::filled({all}, dtype, 2);
    T* to = a.data<T>();
    const T *first = b.data<T>(), *second = c.data<T>();
    const int threads = twice::threads();
    std::vector<Rate> rates;
    for (const double bytes : sizes) {
      // Each thread passes over its own part repeatedly, so no thread waits in between.
      const auto part = static_cast<Index>(bytes / sizeof(T) / threads);
      const int passes = std::max(1, static_cast<int>(1e6 / bytes));
      const double seconds = best_seconds(bytes < 8e6 ? 12 : 4, [&] {
        parallel_for(threads, [&](Index tile) {
          for (int pass = 0; pass < passes; ++pass)
            triad(to + tile * part, first + tile * part, second + tile * part, part);
        });
      });
      const double moved = 3.0 * static_cast<double>(part * threads) * sizeof(T);
      rates.push_back({moved, moved * passes / seconds / 1e9});
    }
    return rates;
  });
}

/// The times to start a step of 64 elements after 0 and more bytes of other data were read.
std::vector<Start> measured_starts() {
  Tape tape;
  const Tensor x = tape.constant(Array::filled({64}, DType::f32, 1));
  const Tensor y = tape.constant(Array::filled({64}, DType::f32, 2));
  Plan plan({{x + y}}, no_passes());
  std::array<ClockReading, 2> readings;
  constexpr Index most = Index{1} << 23;
  const Array others = Array::filled({most}, DType::f32, 1);
  std::vector<Start> starts;
  for (const Index count : {Index{0}, most >> 8, most >> 6, most >> 4, most >> 2, most}) {
    std::vector<double> seconds;
    float seen = 0;
    for (int repeat = 0; repeat < 9; ++repeat) {
      for (Index i = 0; i < count; i += 16) seen += others.data<float>()[i];
      if (seen < 0) break;
      plan.run_timed(readings);
      seconds.push_back(std::chrono::duration<double>(readings[1] - readings[0]).count());
    }
    std::ranges::nth_element(seconds, seconds.begin() + 4);
    const double warm = starts.empty() ? seconds[4] : 0;
    starts.push_back({static_cast<double>(count * 4), seconds[4] - warm});
  }
  return starts;
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
  // The system may report the L3 cache of a whole server, of which this machine has a small part.
  constexpr long least = 64L << 20, most = 128L << 20;
  return static_cast<std::size_t>(std::clamp(2 * cache, least, most));
}

Peak measured_peak(DType dtype) {
  const std::vector<Rate> rates = measured_rates(dtype);
  return {threads(), measured_peak_gflops(dtype), rates.back().gbs, rates, measured_starts()};
}

std::vector<Peak> measured_peaks(DType dtype, int most) {
  const int before = threads();
  std::vector<Peak> peaks;
  for (int count : thread_counts(most)) {
    set_threads(count);
    peaks.push_back(measured_peak(dtype));
  }
  set_threads(before);
  return peaks;
}

void keep_best(std::vector<Peak>& best, const std::vector<Peak>& again) {
  for (std::size_t i = 0; i < best.size(); ++i) {
    best[i].gflops = std::max(best[i].gflops, again[i].gflops);
    for (std::size_t k = 0; k < best[i].rates.size(); ++k)
      best[i].rates[k].gbs = std::max(best[i].rates[k].gbs, again[i].rates[k].gbs);
    best[i].gbs = best[i].rates.back().gbs;
    for (std::size_t k = 0; k < best[i].starts.size(); ++k)
      best[i].starts[k].seconds = std::min(best[i].starts[k].seconds, again[i].starts[k].seconds);
  }
}

std::string_view level_name(int level) {
  constexpr std::string_view names[] = {"L1", "L2", "L3", "memory"};
  return names[level];
}

std::array<long, cache_levels - 1> cache_bytes() {
  std::array<long, cache_levels - 1> bytes{};
#ifdef _SC_LEVEL3_CACHE_SIZE
  constexpr int names[] = {_SC_LEVEL1_DCACHE_SIZE, _SC_LEVEL2_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE};
  for (std::size_t level = 0; level < bytes.size(); ++level)
    bytes[level] = std::max(0L, sysconf(names[level]));
#endif
  return bytes;
}

double Peak::gbs_at(double bytes) const {
  if (rates.empty()) return gbs;
  const auto above = std::ranges::lower_bound(rates, bytes, {}, &Rate::bytes);
  if (above == rates.begin()) return above->gbs;
  if (above == rates.end()) return rates.back().gbs;
  const Rate &low = above[-1], &high = *above;
  return low.gbs * std::pow(high.gbs / low.gbs,
                            std::log(bytes / low.bytes) / std::log(high.bytes / low.bytes));
}

double Peak::start_after(double bytes) const {
  const auto above = std::ranges::lower_bound(starts, bytes, {}, &Start::bytes);
  if (above == starts.end()) return starts.empty() ? 0 : starts.back().seconds;
  if (above == starts.begin()) return above->seconds;
  const double share = (bytes - above[-1].bytes) / (above->bytes - above[-1].bytes);
  return above[-1].seconds + share * (above->seconds - above[-1].seconds);
}

int Peak::level(double bytes) const {
  constexpr int memory = cache_levels - 1;
  constexpr double like_memory = 1.3;
  const std::array<long, cache_levels - 1> caches = cache_bytes();
  for (int level = 0; level < memory - 1; ++level)
    if (bytes <= static_cast<double>(caches[static_cast<std::size_t>(level)] * threads))
      return level;
  return gbs_at(bytes) < like_memory * gbs ? memory : memory - 1;
}

double Peak::level_gbs(int level) const {
  if (level == cache_levels - 1) return gbs;
  // The geometric middle of the largest size of the level before and the largest of this level.
  double from = 0, to = 0;
  for (const Rate& rate : rates)
    if (this->level(rate.bytes) == level) {
      if (from == 0) from = rate.bytes;
      to = rate.bytes;
    }
  return from == 0 ? 0 : gbs_at(std::sqrt(from * to));
}

}  // namespace twice
