// What the rewriting passes share: they change nodes where they are, append new ones at the end,
// and let `in_order` put the graph back into topological order without what is no longer needed.
#pragma once

#include "autodiff/plan/graph.h"

namespace twice {

/// Appends a node that stands in for a part of `like`, whose phase and origin it takes, and
/// returns its index.
int append(Graph& graph, std::shared_ptr<const Op> op, std::vector<int> inputs,
           const GraphNode& like);

/// Whether a scale that the planner computed is a normal number of the dtype: a smaller one has few
/// digits or none, a larger one is infinite.
bool is_normal(double scale, DType dtype);

/// Whether a scaling may be moved from one side of a product or a sum to the other: it is between
/// 2^-40 and 2^40 (f64: 2^-300 and 2^300), so a value that is this factor or more away from the
/// ends of the dtype's range stays in it.
bool may_move(double scale, DType dtype);

/// Topological order, as close to the recorded order as it can be; nodes that no output needs
/// are dropped.
Graph in_order(Graph graph);

/// The nodes that read each node, in order; one that reads it twice is there twice.
std::vector<std::vector<int>> readers_of(const Graph& graph);

/// For each node: whether it is an output of the plan.
std::vector<char> is_output(const Graph& graph);

}  // namespace twice
