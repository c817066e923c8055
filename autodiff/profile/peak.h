// The best speeds of this machine: of a large product, and of data from each cache and from memory
// (the roofline; Williams, Waterman, Patterson, "Roofline: an insightful visual performance model",
// CACM 2009).
#pragma once

#include <array>
#include <string_view>
#include <vector>

#include "autodiff/array/dtype.h"

namespace twice {

/// GFLOP/s of the best of `repeats` products of two 1024 x 1024 matrices with the threads now in
/// effect, by the same kernel that plans use. Eight take about 50 ms.
double measured_peak_gflops(DType dtype, int repeats = 8);
/// The same by OpenBLAS, with as many threads of its own.
double measured_blas_gflops(DType dtype, int repeats = 8);

/// Bytes of each of the three arrays of the largest stream: twice the last cache, but from 64 to
/// 128 MiB.
std::size_t stream_bytes();

/// The caches, nearest first, and memory.
inline constexpr int cache_levels = 4;
/// `L1`, `L2`, `L3`, `memory`.
std::string_view level_name(int level);
/// Bytes of the caches of one core, as the system says; 0 where it does not.
std::array<long, cache_levels - 1> cache_bytes();

/// 10^9 bytes a second of a = b + s c, as in STREAM (McCalpin, 1995): two arrays read, one written,
/// of `bytes` in all, again and again.
struct Rate {
  double bytes = 0, gbs = 0;
};
/// What a step takes longer to start when the step before it touched so many bytes: its code and
/// its arguments have left the caches.
struct Start {
  double bytes = 0, seconds = 0;
};

/// As measured with `threads` threads.
struct Peak {
  int threads = 1;
  /// `gbs`: the rate of data in memory, outside the caches.
  double gflops = 0, gbs = 0;
  /// Ascending by bytes.
  std::vector<Rate> rates = {};
  std::vector<Start> starts = {};

  /// FLOP per byte at which the two bounds meet.
  double ridge() const { return gflops / gbs; }
  /// The rate of data that were last touched so many bytes ago: between two measured rates a
  /// straight line in logarithms.
  double gbs_at(double bytes) const;
  double start_after(double bytes) const;
  /// The level that such data come from: a core's caches count once for each thread, the L3 cache
  /// once. Memory where the rate is that of memory, whatever size the system gives for the L3
  /// cache: of a server's, a virtual machine may have a small part.
  int level(double bytes) const;
  /// The rate in the middle of a level; 0 where the system does not give its size.
  double level_gbs(int level) const;
};

/// With the threads now in effect; takes about a second.
Peak measured_peak(DType dtype);
/// Measured with 1, 2, ..., `threads` threads, or 1, 2, 4, ..., `threads` when there are more than
/// 8; afterwards the threads are as before.
std::vector<Peak> measured_peaks(DType dtype, int threads);
/// Of two measurements with the same threads the better one, for each: what else the machine does
/// can only lower them.
void keep_best(std::vector<Peak>& best, const std::vector<Peak>& again);

}  // namespace twice
