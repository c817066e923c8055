// The memory planner: given how large each value is and when it lives, gives every
// value its place in one arena.
#pragma once

#include <cstddef>
#include <vector>

namespace twice {

/// A value lives from step `first` to step `last`, both included.
struct Lifetime {
  std::size_t bytes = 0;
  int first = 0;
  int last = 0;
};

struct Placement {
  /// Byte offset of each value, a multiple of 64.
  std::vector<std::size_t> offsets;
  /// Size of the arena.
  std::size_t arena = 0;
  /// The most bytes alive at one step: no placement needs less.
  std::size_t most_alive = 0;
};

/// Places by best fit in order of birth and by size, largest first, and returns the smaller arena.
/// `lifetimes` must be sorted by `first`. With `reuse` off every value has its own place.
Placement place(const std::vector<Lifetime>& lifetimes, bool reuse = true);

}  // namespace twice
