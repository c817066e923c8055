// Reuse distances: for each step, the bytes that were touched since the step's own bytes were last
// touched, in a program that runs repeatedly. A cache of at least this size still holds the data
// (the stack distance; Mattson, Gecsei, Slutz, Traiger, "Evaluation techniques for storage
// hierarchies", IBM Systems Journal 1970). Counted from the program; nothing runs.
#pragma once

#include <cstdint>
#include <vector>

#include "autodiff/plan/program.h"

namespace twice {

/// A range of bytes in a flat address space that holds the arena first, then each leaf.
struct Region {
  std::uint64_t begin = 0, bytes = 0;
};

/// The number of bytes of a step with the same reuse distance, and this distance in bytes.
struct Reuse {
  double bytes, distance;
};

/// The regions that each step touches: its inputs, its workspace and its output, once each.
std::vector<std::vector<Region>> regions_of(const Program& program);

/// The region of a value; for a view, the region of its root.
Region region_of(const Program& program, int value);

/// The reuse of every step of a cycle that runs repeatedly. The regions of one step are touched in
/// parallel, from beginning to end, as by a loop over their elements.
std::vector<std::vector<Reuse>> reuse_of(const std::vector<std::vector<Region>>& cycle);

/// The bytes of all regions, each byte counted once.
double footprint(const std::vector<std::vector<Region>>& cycle);

}  // namespace twice
