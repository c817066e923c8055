// Random numbers without state: value i is a pure function of (seed, step, use) and i.
// So fills run in parallel with the same bits at any thread count, and a resumed
// run draws exactly what the uninterrupted one would have drawn.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "autodiff/array/array.h"

namespace twice {

/// Philox 4x32 with 10 rounds: a bijection of 128-bit counters for each 64-bit key that passes
/// BigCrush. Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
std::array<std::uint32_t, 4> philox4x32(const std::array<std::uint32_t, 4>& counter,
                                        const std::array<std::uint32_t, 2>& key);

/// Random numbers as a pure function of (seed, step, use) and a position. `step` counts time
/// (a training step, an epoch), `use` tells apart the purposes that draw at the same step.
class Rng {
 public:
  explicit Rng(std::uint64_t seed, std::uint64_t step = 0, std::uint64_t use = 0);
  /// The stream of the same seed at another step and use.
  Rng keyed(std::uint64_t step, std::uint64_t use) const { return Rng(seed_, step, use); }
  std::uint64_t seed() const { return seed_; }

  /// Words 4 index to 4 index + 3 of the stream.
  std::array<std::uint32_t, 4> block(std::uint64_t index) const;
  /// Word i of the stream: 32 random bits.
  std::uint32_t bits(std::uint64_t i) const { return block(i / 4)[i % 4]; }
  /// Uniform in [0, 1) with 53 random bits; made of words 2i and 2i + 1.
  double uniform(std::uint64_t i) const;
  /// Standard normal; values 2k and 2k + 1 are the Box-Muller pair of block k.
  double normal(std::uint64_t i) const;

 private:
  std::uint64_t seed_;
  std::array<std::uint32_t, 2> key_;     // the stream that (seed, step, use) selects:
  std::array<std::uint32_t, 2> prefix_;  // a key, and the upper half of every counter
};

/// out[i] = low + (high - low) rng.uniform(i), row-major, rounded to out's dtype (f32 or f64), so
/// both dtypes hold the same numbers up to rounding.
void fill_uniform(const Rng& rng, double low, double high, const Array& out);
/// out[i] = mean + stddev rng.normal(i), row-major, rounded to out's dtype (f32 or f64).
void fill_normal(const Rng& rng, double mean, double stddev, const Array& out);
/// 0, ..., n - 1 in a random order, each order equally likely.
std::vector<std::int32_t> permutation(const Rng& rng, Index n);

}  // namespace twice
