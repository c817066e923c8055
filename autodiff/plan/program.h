// Programs: the steps that a plan runs, and the place of each value in memory. The planner lowers a
// graph to a program. The executor, `explain` and the profiler read the program.
#pragma once

#include "autodiff/plan/graph.h"

namespace twice {

/// One execution of one op.
struct Step : Origin {
  std::shared_ptr<const Op> op;
  /// Indices into `Program::values`.
  std::vector<int> inputs;
  int output = 0;
  /// The scratch memory of the op, as a part of the arena.
  std::size_t workspace_offset = 0, workspace_bytes = 0;
  /// FLOPs, bytes and products of the op.
  Cost cost;
  /// The tape index of the node that the step computes.
  int recorded = 0;
};

/// A value of a program, and its place in memory.
struct Value {
  /// The kinds of places.
  enum class Place : std::uint8_t {
    arena,  ///< at `offset` in the arena
    leaf,   ///< an input, a parameter or a constant
    view    ///< the numbers of value `of` under another shape
  };
  Place place = Place::arena;
  NodeKind kind = NodeKind::operation;
  Spec spec;
  std::size_t offset = 0;
  int of = -1;
  /// The tape index of the node.
  int recorded = 0;
  /// Null except for leaves.
  std::shared_ptr<const Leaf> leaf;
};

/// Steps in the order in which they run, and all values.
struct Program {
  std::vector<Value> values;
  std::vector<Step> steps;
  /// Indices into `values`, in the order in which the plan's outputs were given.
  std::vector<int> outputs;
  /// The size of the arena.
  std::size_t arena_bytes = 0;
  /// Bytes of the inputs, parameters and constants, which are not in the arena.
  std::size_t leaf_bytes = 0;
  /// The maximum number of bytes of the arena alive at one step. The arena is at least this large.
  std::size_t most_alive_bytes = 0;

  /// All memory that a run uses: the arena and the leaves.
  std::size_t peak_bytes() const { return arena_bytes + leaf_bytes; }
};

/// The value whose memory holds the numbers of `value`: `value` itself, or the root of its chain of
/// views.
int root(const Program& program, int value);

/// For each value, the last step that reads it or a view of it; the number of steps for outputs.
std::vector<int> last_uses(const Program& program);

/// Makes the steps of a graph, in its order. Values whose lifetimes do not overlap share memory if
/// `reuse_memory` is true. Views get the place of the value that they show. With `in_place`, an
/// output may overwrite an input of its step.
Program lower(const Graph& graph, bool reuse_memory = true, bool in_place = true);

}  // namespace twice
