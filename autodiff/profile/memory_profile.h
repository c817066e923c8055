// The memory of a program over its steps: the lifetimes of the values in the arena, and the bytes
// needed if no two values shared memory. All of it is known before the first run.
#pragma once

#include "autodiff/plan/program.h"

namespace twice {

/// A value in the arena, or the workspace of a step.
struct ArenaValue {
  /// Index into Program::values; -1 for a workspace.
  int value = -1;
  /// The step that writes the value, and the last step that reads it or a view of it. For outputs,
  /// which stay until the next run, `last` is Program::steps.size().
  int first = 0, last = 0;
  /// The place in the arena, in bytes.
  std::size_t offset = 0, bytes = 0;
  /// True if step `last` writes its output over this value.
  bool overwritten = false;

  /// True from step `first` to step `last`, inclusive.
  bool alive_at(int step) const { return first <= step && step <= last; }
  /// The bytes that the value takes in the arena: whole cache lines.
  std::size_t padded() const { return (bytes + 63) / 64 * 64; }
};

/// The lifetimes of all values, and the bytes that they need at each step.
struct MemoryProfile {
  /// Sorted by `first`, without values of 0 bytes.
  std::vector<ArenaValue> values;
  /// Bytes alive while each step runs. The largest is Program::most_alive_bytes.
  std::vector<std::size_t> live_bytes;
  /// The first step with the most bytes alive.
  int peak_step = 0;
  /// Bytes of an arena in which every value and every workspace has its own place.
  std::size_t without_reuse = 0;

  /// True if the step writes its output over one of its inputs.
  bool in_place(int step) const;
};

/// The memory profile of a program.
MemoryProfile memory_profile(const Program& program);

}  // namespace twice
