// What the machine can do at best: the bounds beside which every speed is read, and which of the
// two, arithmetic or memory, limits a piece of work (the roofline; Williams, Waterman, Patterson,
// "Roofline: an insightful visual performance model", CACM 2009).
#pragma once

#include <string_view>

#include "autodiff/array/dtype.h"
#include "autodiff/tape/op.h"

namespace twice {

/// GFLOP/s of the best of `repeats` products of two 1024 x 1024 matrices with the threads now in
/// effect, by the same kernel that plans use. Eight take about 50 ms.
double measured_peak_gflops(DType dtype, int repeats = 8);
/// The same by OpenBLAS, with as many threads of its own.
double measured_blas_gflops(DType dtype, int repeats = 8);

/// Bytes of each of the three arrays of the stream: twice the last cache, but from 64 to 128 MiB.
std::size_t stream_bytes();

/// 10^9 bytes per second of the best of several runs of a = b + s c over arrays of `stream_bytes`
/// with the threads now in effect: two arrays read, one written, as in STREAM (McCalpin, 1995).
double measured_stream_gbs(DType dtype);

/// Both, as measured with `threads` threads.
struct Peak {
  int threads = 1;
  double gflops = 0, gbs = 0;
  /// FLOP per byte at which the two bounds meet.
  double ridge() const { return gflops / gbs; }
};
/// Measured with 1, 2, ..., `threads` threads, or 1, 2, 4, ..., `threads` when there are more than
/// 8; afterwards the threads are as before.
std::vector<Peak> measured_peaks(DType dtype, int threads);
/// Of two measurements with the same threads the better one, for each: what else the machine does
/// can only lower them.
void keep_best(std::vector<Peak>& best, const std::vector<Peak>& again);

enum class Limit : std::uint8_t { compute, memory, overhead };
std::string_view str(Limit limit);

/// The least time that the machine needs for some work, and what its time went into.
struct Bound {
  Limit limit = Limit::overhead;
  double seconds = 0;
  /// Of the measured time. Above 1 where data come from a cache rather than from memory.
  double share = 0;
};

/// The larger of flops / peak and bytes / stream. When it explains less than `least_explained` of
/// the time, neither arithmetic nor memory is what it went into: starting kernels and threads, or a
/// kernel that fits the shape badly.
Bound bound_of(const Cost& cost, double seconds, const Peak& peak);
inline constexpr double least_explained = 0.2;

}  // namespace twice
