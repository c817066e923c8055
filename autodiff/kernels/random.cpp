// Philox 4x32-10, written from its published definition, and the functions that fill arrays with
// it.
#include "autodiff/kernels/random.h"

#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "autodiff/threads/parallel.h"

namespace twice {

namespace {

using Block = std::array<std::uint32_t, 4>;

constexpr std::uint32_t low_word(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
constexpr std::uint32_t high_word(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32); }

/// The upper 53 of 64 bits, scaled to [0, 1).
double unit_interval(std::uint32_t high, std::uint32_t low) {
  const std::uint64_t word = (std::uint64_t{high} << 32 | low) >> 11;
  return static_cast<double>(word) * 0x1p-53;
}

/// Box-Muller: turns two uniform numbers into two independent standard normal numbers.
std::array<double, 2> normal_pair(const Block& words) {
  // 1 - u is in (0, 1], so the logarithm is finite.
  const double radius = std::sqrt(-2.0 * std::log(1.0 - unit_interval(words[0], words[1])));
  const double angle = 2.0 * std::numbers::pi * unit_interval(words[2], words[3]);
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

/// out[i] = offset + scale * pair(block i / 2)[i % 2]: a block gives two values.
template <class Pair>
void fill(const char* who, const Rng& rng, double offset, double scale, const Array& out,
          const Pair& pair) {
  if (out.empty()) fail(who, "the array to fill is empty; expected one with storage");
  if (!out.contiguous()) {
    const Array numbers(out.shape(), out.dtype());
    fill(who, rng, offset, scale, numbers, pair);
    copy(numbers, out);
    return;
  }
  visit_float(out.dtype(), [&]<class T>(T) {
    T* const values = out.data<T>();
    static_assert(elements_per_tile % 2 == 0, "a tile must start at a block's first value");
    parallel_ranges(out.elements(), elements_per_tile, [&](Index first, Index last) {
      for (Index i = first; i < last; i += 2) {
        const auto two = pair(rng.block(static_cast<std::uint64_t>(i) / 2));
        values[i] = static_cast<T>(offset + scale * two[0]);
        if (i + 1 < last) values[i + 1] = static_cast<T>(offset + scale * two[1]);
      }
    });
  });
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32(const std::array<std::uint32_t, 4>& counter,
                                        const std::array<std::uint32_t, 2>& key) {
  constexpr std::uint64_t multiplier_0 = 0xD2511F53, multiplier_1 = 0xCD9E8D57;
  // Key increments: the fractional parts of the golden ratio and of sqrt(3), as in the paper.
  constexpr std::uint32_t weyl_0 = 0x9E3779B9, weyl_1 = 0xBB67AE85;
  Block x = counter;
  std::uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = multiplier_0 * x[0], p1 = multiplier_1 * x[2];
    x = {high_word(p1) ^ x[1] ^ k0, low_word(p1), high_word(p0) ^ x[3] ^ k1, low_word(p0)};
    k0 += weyl_0;
    k1 += weyl_1;
  }
  return x;
}

Rng::Rng(std::uint64_t seed, std::uint64_t step, std::uint64_t use) : seed_(seed) {
  // (seed, step, use) has 192 bits, and a counter must still fit. The Philox block of (step, use)
  // under the key of the seed gives 128 well-mixed bits that identify the stream.
  const Block name = philox4x32({low_word(step), high_word(step), low_word(use), high_word(use)},
                                {low_word(seed), high_word(seed)});
  key_ = {name[0], name[1]};
  prefix_ = {name[2], name[3]};
}

std::array<std::uint32_t, 4> Rng::block(std::uint64_t index) const {
  return philox4x32({low_word(index), high_word(index), prefix_[0], prefix_[1]}, key_);
}

double Rng::uniform(std::uint64_t i) const {
  const Block words = block(i / 2);
  return i % 2 == 0 ? unit_interval(words[0], words[1]) : unit_interval(words[2], words[3]);
}

double Rng::normal(std::uint64_t i) const { return normal_pair(block(i / 2))[i % 2]; }

void fill_uniform(const Rng& rng, double low, double high, const Array& out) {
  fill("fill_uniform", rng, low, high - low, out, [](const Block& words) {
    return std::array{unit_interval(words[0], words[1]), unit_interval(words[2], words[3])};
  });
}

void fill_normal(const Rng& rng, double mean, double stddev, const Array& out) {
  fill("fill_normal", rng, mean, stddev, out, normal_pair);
}

std::vector<std::int32_t> permutation(const Rng& rng, Index n) {
  if (n < 0 || n > std::numeric_limits<std::int32_t>::max())
    fail("permutation", "{} entries; expected 0 to {}", n,
         std::numeric_limits<std::int32_t>::max());
  std::vector<std::int32_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  // Fisher-Yates. uniform < 1 keeps the partner within [0, last]; its bias is below n 2^-53.
  for (std::size_t last = order.size(); last-- > 1;) {
    const double partner = rng.uniform(last) * static_cast<double>(last + 1);
    std::swap(order[last], order[static_cast<std::size_t>(partner)]);
  }
  return order;
}

}  // namespace twice
