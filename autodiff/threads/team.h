// The team: the threads that compute the tiles of a loop. Any free thread of the team may take a
// tile. The caller takes tiles too. At the end the caller waits for tiles that are being computed,
// not for threads that hold none, so a preempted thread causes a delay only if it holds a tile.
//
// A process has one team. Its helpers (the threads besides the caller) start when a loop first
// needs them, and live as long as the process. Several callers may run loops at the same time; each
// loop gets the helpers that are free. In a child process after fork, the first loop starts a new
// team.
#pragma once

#include <cstdint>

#include "autodiff/array/shape.h"

namespace twice {

/// True if a loop that starts now would be shared: more than one thread is allowed, and the calling
/// thread is neither inside a tile nor inside a parallel region of OpenMP.
bool shares_tiles();

/// Calls call(body, tile) once for each tile in [0, tiles), in any order and on any thread of the
/// team. Returns when all calls have returned. A child process that is forked inside a tile must
/// not return from the tile; it must call exec or _exit.
void share_tiles(Index tiles, void (*call)(const void* body, Index tile) noexcept,
                 const void* body);

/// Counts of the work of this process's team.
struct TeamUse {
  std::int64_t tiles = 0;       ///< tiles of loops that could be shared
  std::int64_t by_helpers = 0;  ///< those of these tiles that helpers computed
  std::int64_t put_aside = 0;   ///< times that another process took a core that a helper offered
  TeamUse& operator+=(const TeamUse& other) {
    tiles += other.tiles, by_helpers += other.by_helpers, put_aside += other.put_aside;
    return *this;
  }
  TeamUse operator-(const TeamUse& other) const {
    return {tiles - other.tiles, by_helpers - other.by_helpers, put_aside - other.put_aside};
  }
};
/// The counts since the process started.
TeamUse team_use();

}  // namespace twice
