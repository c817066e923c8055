// The threads that compute the tiles of a loop. Any free thread may take a tile. The caller takes
// tiles, too, and waits only for tiles that are being computed, never for a thread that holds none.
// So a thread that the system has put aside causes no delay, unless that happens within a tile.
//
// One team serves the process. Its helpers start when a loop first needs them, and live as long as
// the process. Several threads may run loops at the same time: each computes with the helpers that
// are free. In a child process after fork, the first loop starts a team of its own.
#pragma once

#include <cstdint>

#include "autodiff/array/shape.h"

namespace twice {

/// Whether a loop that starts now would be shared: there are several threads, and the calling one
/// is neither inside a tile nor inside a parallel region of OpenMP.
bool shares_tiles();

/// Calls call(body, tile) once for each tile in [0, tiles), in any order and on any thread of the
/// team, and returns when all calls have returned. A child that is forked inside a tile must not
/// return from it, but call exec or _exit.
void share_tiles(Index tiles, void (*call)(const void* body, Index tile) noexcept,
                 const void* body);

/// What the team of this process has done so far.
struct TeamUse {
  std::int64_t tiles = 0;       ///< tiles of loops that could be shared
  std::int64_t by_helpers = 0;  ///< of those, the ones that helpers computed
  std::int64_t put_aside = 0;   ///< how often a helper offered its core and other work took it
  TeamUse& operator+=(const TeamUse& other) {
    tiles += other.tiles, by_helpers += other.by_helpers, put_aside += other.put_aside;
    return *this;
  }
  TeamUse operator-(const TeamUse& other) const {
    return {tiles - other.tiles, by_helpers - other.by_helpers, put_aside - other.put_aside};
  }
};
TeamUse team_use();

}  // namespace twice
