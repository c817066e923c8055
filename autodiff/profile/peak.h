// The measured peak speeds of this machine: of a large matrix product, and of data from each cache
// and from memory. The two speeds are the bounds of a roofline (Williams, Waterman, Patterson,
// "Roofline: an insightful visual performance model", CACM 2009).
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "autodiff/array/dtype.h"

namespace twice {

/// The best GFLOP/s in `repeats` products of two 1024 x 1024 matrices, with the current number of
/// threads and the kernel that plans use. Eight repeats take about 50 ms.
double measured_peak_gflops(DType dtype, int repeats = 8);
/// The same with OpenBLAS and its threads.
double measured_blas_gflops(DType dtype, int repeats = 8);

/// Bytes of each of the three arrays of the largest stream: twice the last cache, but at least 64
/// and at most 128 MiB.
std::size_t stream_bytes();

/// The number of levels: three caches, nearest first, and memory.
inline constexpr int cache_levels = 4;
/// The name of a level: `L1`, `L2`, `L3` or `memory`.
std::string_view level_name(int level);
/// Bytes of the caches of one core, as the system reports them; 0 if unknown.
std::array<long, cache_levels - 1> cache_bytes();

/// The rate, in 10^9 bytes per second, of a = b + s c as in STREAM (McCalpin, 1995): two arrays are
/// read and one is written, repeatedly. `bytes` is the size of the three arrays together.
struct Rate {
  double bytes = 0, gbs = 0;
};
/// The extra seconds that a step takes to start if the step before it touched this many bytes,
/// because its code and arguments are no longer in the caches.
struct Start {
  double bytes = 0, seconds = 0;
};

/// The peak speeds with `threads` threads.
struct Peak {
  int threads = 1;
  /// GFLOP/s of a product, and the rate of data in memory, in 10^9 bytes per second.
  double gflops = 0, gbs = 0;
  /// Sorted by bytes.
  std::vector<Rate> rates = {};
  std::vector<Start> starts = {};

  /// The FLOP per byte at which the two bounds meet.
  double ridge() const { return gflops / gbs; }
  /// The rate of data that were last touched this many bytes ago. Interpolates the measured rates
  /// linearly in logarithms.
  double gbs_at(double bytes) const;
  /// The extra seconds to start a step after this many bytes: see Start.
  double start_after(double bytes) const;
  /// The level that such data come from. The caches of a core count once for each thread, the L3
  /// cache once. The level is memory if the measured rate is that of memory, even if the reported
  /// L3 cache is larger: a virtual machine may have a small part of the cache of a server.
  int level(double bytes) const;
  /// The rate in the middle of a level; 0 if the system does not report the size of the level.
  double level_gbs(int level) const;
};

/// Measures with the current number of threads; takes about a second.
Peak measured_peak(DType dtype);
/// Measurements with 1, 2, ..., `threads` threads, or with 1, 2, 4, ..., `threads` if `threads` is
/// more than 8. Restores the number of threads.
std::vector<Peak> measured_peaks(DType dtype, int threads);
/// Keeps the better of two measurements with the same number of threads, for each rate: other work
/// on the machine can only lower a rate.
void keep_best(std::vector<Peak>& best, const std::vector<Peak>& again);

}  // namespace twice
