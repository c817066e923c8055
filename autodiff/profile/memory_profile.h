// Memory over a program's steps: what lives in the arena, from when to when, and what it would
// take if no two values shared memory. All of it is known before anything runs.
#pragma once

#include "autodiff/plan/program.h"

namespace twice {

/// A value of the arena, or the workspace of a step.
struct ArenaValue {
  /// Index into Program::values; -1 for a workspace.
  int value = -1;
  /// The step that writes it, and the last one that reads it or a view of it; that is
  /// Program::steps.size() for the outputs, which stay until the next run.
  int first = 0, last = 0;
  std::size_t offset = 0, bytes = 0;
  /// True when step `last` writes its output over it, and so brings no bytes of its own.
  bool overwritten = false;

  bool alive_at(int step) const { return first <= step && step <= last; }
  /// The bytes that the arena gives it: whole cache lines.
  std::size_t padded() const { return (bytes + 63) / 64 * 64; }
};

struct MemoryProfile {
  /// In the order of `first`; those without bytes are left out.
  std::vector<ArenaValue> values;
  /// Bytes alive while each step runs. The largest is Program::most_alive_bytes.
  std::vector<std::size_t> live_bytes;
  /// The first step with the most of them.
  int peak_step = 0;
  /// Bytes of an arena in which every value and workspace has a place of its own.
  std::size_t without_reuse = 0;

  /// True when the step writes its output over one of its inputs.
  bool in_place(int step) const;
};

MemoryProfile memory_profile(const Program& program);

}  // namespace twice
