// The memory planner: places values with known sizes and lifetimes in one arena.
#pragma once

#include <cstddef>
#include <vector>

namespace twice {

/// The bytes of a value, and the steps `first` to `last`, inclusive, during which the value lives.
struct Lifetime {
  std::size_t bytes = 0;
  int first = 0;
  int last = 0;
};

/// The places of the values in the arena.
struct Placement {
  /// The byte offset of each value, a multiple of 64.
  std::vector<std::size_t> offsets;
  /// The size of the arena, in bytes.
  std::size_t arena = 0;
  /// The maximum number of bytes alive at one step. No placement can be smaller.
  std::size_t most_alive = 0;
};

/// The smaller of two placements: best fit in order of birth, and largest first. `lifetimes` must
/// be sorted by `first`. If `reuse` is false, every value has its own place.
Placement place(const std::vector<Lifetime>& lifetimes, bool reuse = true);

}  // namespace twice
