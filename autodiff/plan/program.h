// A program: the steps that a plan runs, and where each value lives. It is what the
// planner makes of a graph; the executor, `explain` and the profiler read it.
#pragma once

#include "autodiff/plan/graph.h"

namespace twice {

/// One execution of one op.
struct Step : Origin {
  std::shared_ptr<const Op> op;
  /// Indices into `Program::values`.
  std::vector<int> inputs;
  int output = 0;
  std::size_t workspace_offset = 0, workspace_bytes = 0;
  Cost cost;
  int recorded = 0;
};

struct Value {
  enum class Place : std::uint8_t {
    arena,  ///< at `offset` of the arena
    leaf,   ///< an input, a parameter or a constant
    view    ///< the numbers of value `of` under another shape
  };
  Place place = Place::arena;
  NodeKind kind = NodeKind::operation;
  Spec spec;
  std::size_t offset = 0;
  int of = -1;
  /// The tape node.
  int recorded = 0;
  /// Null but for leaves.
  std::shared_ptr<const Leaf> leaf;
};

struct Program {
  std::vector<Value> values;
  std::vector<Step> steps;
  /// Values, in the order in which the plan's outputs were given.
  std::vector<int> outputs;
  std::size_t arena_bytes = 0;
  /// Bytes of inputs, parameters and constants, which live outside the arena.
  std::size_t leaf_bytes = 0;
  /// The most arena bytes alive at one step; the arena is at least this large.
  std::size_t most_alive_bytes = 0;

  /// Everything that running takes: the arena and the leaves.
  std::size_t peak_bytes() const { return arena_bytes + leaf_bytes; }
};

/// The value that holds a value's numbers: itself, or the root of its chain of views.
int root(const Program& program, int value);

/// The last step that reads each value or a view of it; the number of steps for outputs.
std::vector<int> last_uses(const Program& program);

/// Orders the steps (as recorded), shares memory between values whose lifetimes do not
/// overlap, gives views their parent's place and, with `in_place`, a value that of an input
/// which its step may overwrite.
Program lower(const Graph& graph, bool reuse_memory = true, bool in_place = true);

}  // namespace twice
