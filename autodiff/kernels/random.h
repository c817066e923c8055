// Random numbers without state: value i is a pure function of (seed, step, use) and i. Arrays are
// therefore filled in parallel with the same bits for every number of threads. A resumed run draws
// the same numbers as an uninterrupted one.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "autodiff/array/array.h"

namespace twice {

/// Philox 4x32 with 10 rounds: for each 64-bit key, a bijection of 128-bit counters. Philox passes
/// the BigCrush tests. Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1,
/// 2, 3", SC 2011.
std::array<std::uint32_t, 4> philox4x32(const std::array<std::uint32_t, 4>& counter,
                                        const std::array<std::uint32_t, 2>& key);

/// A stream of random numbers, each a pure function of (seed, step, use) and a position. `step`
/// counts time (training steps or epochs). `use` distinguishes purposes that draw at the same step.
class Rng {
 public:
  explicit Rng(std::uint64_t seed, std::uint64_t step = 0, std::uint64_t use = 0);
  /// The stream with the same seed and another step and use.
  Rng keyed(std::uint64_t step, std::uint64_t use) const { return Rng(seed_, step, use); }
  /// The seed that was given to the constructor.
  std::uint64_t seed() const { return seed_; }

  /// Words 4 index to 4 index + 3 of the stream.
  std::array<std::uint32_t, 4> block(std::uint64_t index) const;
  /// Word i of the stream: 32 random bits.
  std::uint32_t bits(std::uint64_t i) const { return block(i / 4)[i % 4]; }
  /// A uniform number in [0, 1) with 53 random bits, from words 2i and 2i + 1.
  double uniform(std::uint64_t i) const;
  /// A standard normal number. Values 2k and 2k + 1 are the Box-Muller pair of block k.
  double normal(std::uint64_t i) const;

 private:
  std::uint64_t seed_;
  std::array<std::uint32_t, 2> key_;     // the Philox key of the stream
  std::array<std::uint32_t, 2> prefix_;  // the upper half of every counter of the stream
};

/// out[i] = low + (high - low) rng.uniform(i) in row-major order, rounded to the dtype of `out`,
/// f32 or f64. Both dtypes get the same numbers up to rounding.
void fill_uniform(const Rng& rng, double low, double high, const Array& out);
/// out[i] = mean + stddev rng.normal(i) in row-major order, rounded to the dtype of `out`, f32 or
/// f64.
void fill_normal(const Rng& rng, double mean, double stddev, const Array& out);
/// The numbers 0, ..., n - 1 in random order; each order is equally likely.
std::vector<std::int32_t> permutation(const Rng& rng, Index n);

}  // namespace twice
