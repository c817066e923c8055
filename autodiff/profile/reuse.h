// Where the numbers of each step lie when it reads them: the bytes that were touched since the same
// bytes were last touched, over a program that runs again and again. A cache that holds so many
// bytes still has them (the stack distance; Mattson, Gecsei, Slutz, Traiger, "Evaluation techniques
// for storage hierarchies", IBM Systems Journal 1970). Counted from the program; nothing runs.
#pragma once

#include <cstdint>
#include <vector>

#include "autodiff/plan/program.h"

namespace twice {

/// Some bytes of a flat space of addresses in which the arena comes first, then each leaf.
struct Region {
  std::uint64_t begin = 0, bytes = 0;
};

/// Bytes of a step that have this reuse distance, both in bytes.
struct Reuse {
  double bytes, distance;
};

/// What each step touches: its inputs, its workspace and its output, each once.
std::vector<std::vector<Region>> regions_of(const Program& program);

/// The region of a value, or of what it is a view of.
Region region_of(const Program& program, int value);

/// The reuse of every step of a cycle that runs again and again. Regions of one step are touched
/// side by side, from their beginnings to their ends, as a loop over their elements does.
std::vector<std::vector<Reuse>> reuse_of(const std::vector<std::vector<Region>>& cycle);

/// The bytes of all regions, each counted once.
double footprint(const std::vector<std::vector<Region>>& cycle);

}  // namespace twice
