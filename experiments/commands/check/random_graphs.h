// Random graphs: compositions of ops from the op table, as data that can be printed, run and made
// smaller. Values stay of moderate size and away from kinks.
#pragma once

#include "experiments/commands/check/op_table.h"

namespace twice::experiments {

/// A value: an input of normal numbers if `op` is null, or an op of earlier values.
struct RandomNode {
  const GraphOp* op = nullptr;
  std::vector<std::size_t> inputs = {};
  Shape shape = {};
  /// Selects the random numbers of an input. It stays the same when the graph is made smaller.
  std::uint64_t draw = 0;
};

struct RandomGraph {
  std::uint64_t seed = 0;
  std::vector<RandomNode> nodes;

  int ops() const;
  /// The values of the inputs in order, in f64.
  std::vector<Array> inputs() const;
  /// The graph as a function of its inputs. Its outputs are all values that no op uses.
  Function function() const;
  /// True if every kink is further away than the steps of `check_derivatives` reach.
  bool away_from_kinks() const;
};

/// One value on each line: `v3 = matmul(v0, v2)   (2, 3)`.
std::string str(const RandomGraph& graph);

/// A graph of 5 to 60 ops away from their kinks. It depends only on the seed and the table.
RandomGraph random_graph(std::uint64_t seed, const std::vector<GraphOp>& table = graph_ops());

/// Removes ops while `fails` stays true and the kinks stay away. An op without readers is dropped;
/// any other op becomes an input. At the end no single op can be removed.
RandomGraph shrunk(RandomGraph graph, const std::function<bool(const RandomGraph&)>& fails);

}  // namespace twice::experiments
