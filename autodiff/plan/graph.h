// Graphs: the planner's working copy of the nodes that a plan may need. Passes rewrite a graph. A
// pass is a function from Graph to Graph that keeps the value of every output.
#pragma once

#include <any>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "autodiff/tape/tape.h"

namespace twice {

/// The name of an input, parameter or constant and, except for inputs, its array.
struct Leaf {
  std::string name;
  Array stored;
};

/// The source of a value, for messages and for tables of costs.
struct Origin {
  Phase phase = Phase::forward;
  /// The tape index of the forward node from which the value was derived, the op of that node (null
  /// for a leaf) and its scope.
  int forward_origin = 0;
  std::shared_ptr<const Op> forward_op = {};
  ScopeName scope = {};
};

/// A node of a graph.
struct GraphNode : Origin {
  NodeKind kind = NodeKind::operation;
  std::shared_ptr<const Op> op;
  std::vector<int> inputs;
  Spec spec;
  /// The index of the tape node that this node was copied from.
  int recorded = 0;
  /// Null for operations.
  std::shared_ptr<const Leaf> leaf;

  /// The name of the op or of the leaf; "none" for a node without both, which is invalid.
  std::string_view name() const {
    return op ? op->name() : leaf ? std::string_view(leaf->name) : "none";
  }
};

/// Nodes in topological order, and the indices of the plan's outputs.
struct Graph {
  std::vector<GraphNode> nodes;
  std::vector<int> outputs;

  /// The node at an index.
  GraphNode& at(int node) { return nodes[static_cast<std::size_t>(node)]; }
  const GraphNode& at(int node) const { return nodes[static_cast<std::size_t>(node)]; }
  /// The specs of a node's inputs.
  std::vector<Spec> input_specs(const GraphNode& node) const;
};

/// The nodes of the outputs' tape, up to the last output. Throws if the outputs lie on different
/// tapes.
Graph graph_of(const Tensors& outputs);

/// Pass: removes the nodes that no output depends on.
Graph dead_code(Graph graph);

/// Pass: of several nodes with the same op, attributes and inputs, keeps the first. Two ops are the
/// same if they are one object, or if they have the same type and equal, non-empty attributes.
/// Small constants with the same bytes are merged too.
Graph common_subexpressions(Graph graph);

/// Pass: algebra on single nodes. Operations on constants are computed at plan time. x * 1, x + 0
/// and views that change nothing are removed. A scaling of a scaling becomes one scaling. A
/// transpose becomes a flag of the product that reads it.
Graph simplify(Graph graph);

/// Pass: distributivity. A sum of matrix products becomes one accumulating product (product_sum.h).
/// Products that share a factor become one: A B + c A D = A (B + c D).
Graph accumulate(Graph graph);

/// Pass: the Gram identity, |A' B|^2 = <A A', B B'>, for a product that is needed only for its
/// norm.
Graph gram_identity(Graph graph);

/// Pass: associativity. A product (A B) D becomes A (B D) if that costs less.
Graph reassociate(Graph graph);

/// Pass: replaces ops by versions with fewer multiplications: convolutions by minimal filtering
/// (kernels/winograd.h). Runs after the passes that combine ops.
Graph use_winograd(Graph graph);

/// Pass: elementwise nodes that feed each other become one node (fused_op.h), which reads broadcast
/// inputs directly. Runs last, because no other pass can rewrite the fused nodes.
Graph fuse_elementwise(Graph graph);

/// The passes that run. Leaving one out shows how much it saves.
struct PlanOptions {
  /// One switch for each built-in pass: see the pass functions above.
  bool dead_code = true;
  bool simplify = true;
  bool common_subexpressions = true;
  bool accumulate = true;
  bool gram = true;
  bool reassociate = true;
  bool winograd = true;
  bool fuse = true;
  /// Values share memory if their lifetimes do not overlap.
  bool reuse_memory = true;
  /// A value may overwrite an input of its step that no later step reads (Op::may_overwrite).
  bool in_place = true;
  /// For passes that were added with `add_pass`: the names of those that do not run, and the
  /// options of each, by name.
  std::vector<std::string> without = {};
  std::map<std::string, std::any> own = {};

  /// The options of an added pass; default-constructed if none were given.
  template <class Own>
  Own own_options(const std::string& pass) const {
    const auto found = own.find(pass);
    return found == own.end() ? Own() : std::any_cast<Own>(found->second);
  }
};

/// A pass, with the switch that turns it on or off.
struct Pass {
  std::string name;
  /// The effect of the pass in a few words, for `explain`.
  std::string purpose;
  /// Returns a graph whose outputs have the same values.
  std::function<Graph(Graph graph, const PlanOptions& options)> run;
  /// The switch of a built-in pass. Null for an added pass, which `switch_off` turns off by name.
  bool PlanOptions::*enabled = nullptr;
};
/// All passes, in the order in which they run.
const std::vector<Pass>& passes();

/// Adds a pass that runs before the pass `before`. By default this is "fuse", because no later pass
/// can rewrite fused nodes. The result of the added pass is checked: the nodes must be in
/// topological order, every op must compute the spec of its node, and the outputs must keep their
/// number and specs. Throws if the name is taken.
void add_pass(Pass pass, std::string_view before = "fuse");

/// Runs the passes that the options enable, and calls `after` with the result of each.
Graph rewritten(Graph graph, const PlanOptions& options,
                const std::function<void(const Pass&, const Graph&)>& after = {});

/// Options that turn everything off: the tape runs as recorded, and each value has its own memory.
PlanOptions no_passes();

/// Turns off the pass with this name in `options`: "dead-code", "simplify", ..., "reuse-memory",
/// "in-place", or the name of an added pass. Throws for an unknown name.
void switch_off(PlanOptions& options, std::string_view pass);

}  // namespace twice
