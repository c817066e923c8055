// Parallel loops whose results do not depend on the number of threads. The tiles of a loop follow
// from the shape alone; for the rows of a product, which may also depend on the number of threads,
// see matmul.cpp. Each tile is computed by one thread, and sums across tiles are added in a fixed
// order.
#pragma once

#include <algorithm>

#include "autodiff/array/shape.h"
#include "autodiff/threads/team.h"
#include "autodiff/threads/threads.h"

namespace twice {

/// Elements in a tile of elementwise work: 32 KiB of f32, which is large enough to repay waking a
/// thread and small enough to stay in a core's L2 cache.
inline constexpr Index elements_per_tile = 8192;

/// a / b rounded up, for a >= 0 and b > 0.
constexpr Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }

/// Calls the body without inlining it. The body's code, which may be large, is compiled once.
template <class Body>
[[gnu::noinline]] void compute_tile(const Body& body, Index tile) {
  body(tile);
}

/// Calls body(tile) for each tile in [0, tiles), on several threads where possible. An exception in
/// the body ends the program.
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

/// Calls body(first, last) for ranges of at most `grain` that cover [0, count).
template <class Body>
void parallel_ranges(Index count, Index grain, const Body& body) {
  parallel_for(ceil_div(count, grain),
               [&](Index tile) { body(tile * grain, std::min(count, (tile + 1) * grain)); });
}

}  // namespace twice
