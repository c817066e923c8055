// Parallel loops whose results do not depend on the number of threads: work is cut
// into tiles by shape alone (but rows of a product: matmul.cpp), each tile is computed by one
// thread, and no sum runs across tiles except in a fixed order.
#pragma once

#include <algorithm>

#include "autodiff/array/shape.h"
#include "autodiff/threads/team.h"
#include "autodiff/threads/threads.h"

namespace twice {

/// Elements of a tile of elementwise work: 32 KiB of f32, large enough to pay for a
/// thread's wake-up and small enough to stay in a core's L2 cache.
inline constexpr Index elements_per_tile = 8192;

constexpr Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }

/// A call of the body that is not inlined: its code, which may be large, is compiled once.
template <class Body>
[[gnu::noinline]] void compute_tile(const Body& body, Index tile) {
  body(tile);
}

/// Calls body(tile) for tile in [0, tiles). A body that throws ends the program.
template <class Body>
void parallel_for(Index tiles, const Body& body) {
  if (tiles <= 1 || !shares_tiles()) {
    for (Index tile = 0; tile < tiles; ++tile) compute_tile(body, tile);
    return;
  }
  share_tiles(
      tiles,
      [](const void* of, Index tile) noexcept {
        compute_tile(*static_cast<const Body*>(of), tile);
      },
      &body);
}

/// Calls body(first, last) over [0, count) in ranges of at most `grain`.
template <class Body>
void parallel_ranges(Index count, Index grain, const Body& body) {
  parallel_for(ceil_div(count, grain),
               [&](Index tile) { body(tile * grain, std::min(count, (tile + 1) * grain)); });
}

}  // namespace twice
