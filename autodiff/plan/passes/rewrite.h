// Functions that the rewriting passes share. A pass changes nodes in place and appends new nodes at
// the end. `in_order` then restores the topological order and removes unneeded nodes.
#pragma once

#include "autodiff/plan/graph.h"

namespace twice {

/// Appends a node with the phase and origin of `like`, and returns its index. The new node computes
/// a part of `like`.
int append(Graph& graph, std::shared_ptr<const Op> op, std::vector<int> inputs,
           const GraphNode& like);

/// True if a scale that the planner computed is a normal number of the dtype. A smaller scale
/// loses some or all of its digits, and a larger scale is infinite.
bool is_normal(double scale, DType dtype);

/// True if a scaling may be moved from one side of a product or a sum to the other: the scale is
/// between 2^-40 and 2^40 (f64: 2^-300 and 2^300). A value then stays in the range of the dtype
/// unless it is already within this factor of one of its ends.
bool may_move(double scale, DType dtype);

/// The graph in topological order, as close to the recorded order as possible, without the nodes
/// that no output depends on.
Graph in_order(Graph graph);

/// The nodes that read each node, in order. A node that reads another one twice is listed twice.
std::vector<std::vector<int>> readers_of(const Graph& graph);

/// For each node, 1 if it is an output of the plan.
std::vector<char> is_output(const Graph& graph);

}  // namespace twice
