// Random graphs: compositions of ops, drawn from a table of ops whose values stay of ordinary size,
// away from the kinks of those that have some; as data that can be printed, run and made smaller.
#pragma once

#include "experiments/commands/check/op_table.h"

namespace twice::experiments {

/// A value: an input with normal numbers (no op), or an op of earlier values.
struct RandomNode {
  const GraphOp* op = nullptr;
  std::vector<std::size_t> inputs = {};
  Shape shape = {};
  /// Which random numbers an input has; kept when the graph is made smaller.
  std::uint64_t draw = 0;
};

struct RandomGraph {
  std::uint64_t seed = 0;
  std::vector<RandomNode> nodes;

  int ops() const;
  /// The values of the inputs in their order, f64.
  std::vector<Array> inputs() const;
  /// The graph as a function of them: all values that no op uses.
  Function function() const;
  /// Every kink is further away than the steps of `check_derivatives` reach.
  bool away_from_kinks() const;
};

/// One value a line: `v3 = matmul(v0, v2)   (2, 3)`.
std::string str(const RandomGraph& graph);

/// A graph of 5 to 60 ops away from their kinks, a pure function of the seed and the table.
RandomGraph random_graph(std::uint64_t seed, const std::vector<GraphOp>& table = graph_ops());

/// Takes ops away for as long as `fails` stays true and kinks stay away: an op that nobody uses is
/// dropped, any other becomes an input. No single op can then be taken away.
RandomGraph shrunk(RandomGraph graph, const std::function<bool(const RandomGraph&)>& fails);

}  // namespace twice::experiments
