// The planner's working copy of a tape: the nodes that a plan may need, which the
// passes rewrite. A pass is a function from Graph to Graph that keeps every output's value.
#pragma once

#include <any>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "autodiff/tape/tape.h"

namespace twice {

/// An input, parameter or constant: its name and, but for inputs, its numbers.
struct Leaf {
  std::string name;
  Array stored;
};

/// Where a value comes from, for messages and for tables of costs.
struct Origin {
  Phase phase = Phase::forward;
  /// The forward node whose derivative it belongs to, that node's op (null for a leaf) and scope.
  int forward_origin = 0;
  std::shared_ptr<const Op> forward_op = {};
  ScopeName scope = {};
};

struct GraphNode : Origin {
  NodeKind kind = NodeKind::operation;
  std::shared_ptr<const Op> op;
  std::vector<int> inputs;
  Spec spec;
  /// The tape node that it was.
  int recorded = 0;
  /// Null for operations.
  std::shared_ptr<const Leaf> leaf;

  std::string_view name() const { return op ? op->name() : std::string_view(leaf->name); }
};

/// Nodes in topological order.
struct Graph {
  std::vector<GraphNode> nodes;
  std::vector<int> outputs;

  GraphNode& at(int node) { return nodes[static_cast<std::size_t>(node)]; }
  const GraphNode& at(int node) const { return nodes[static_cast<std::size_t>(node)]; }
  std::vector<Spec> input_specs(const GraphNode& node) const;
};

/// Every node of the outputs' tape up to the last output.
Graph graph_of(const Tensors& outputs);

/// Pass: keeps only what the outputs need.
Graph dead_code(Graph graph);

/// Pass: of several nodes with the same op, attributes and inputs, keeps the first.
/// Two ops are the same when they are one object, or of one type with equal, non-empty
/// attributes. Small constants with the same bytes are merged too.
Graph common_subexpressions(Graph graph);

/// Pass: algebra on single nodes. Constants are computed now; x * 1, x + 0 and views that change
/// nothing vanish; a scaling of a scaling is one; transposes become flags of the product that
/// reads them.
Graph simplify(Graph graph);

/// Pass: distributivity. A sum of matrix products becomes one accumulating product
/// (product_sum.h), and products that share a factor become one: A B + c A D = A (B + c D).
Graph accumulate(Graph graph);

/// Pass: the Gram identity, |A' B|^2 = <A A', B B'>, for a product that nothing else needs.
Graph gram_identity(Graph graph);

/// Pass: associativity. A product with a product, (A B) D, becomes A (B D) where that costs less.
Graph reassociate(Graph graph);

/// Pass: ops whose kernel has a form with fewer multiplications, convolutions by minimal filtering
/// (kernels/winograd.h), take it. After the passes that put ops together.
Graph use_winograd(Graph graph);

/// Pass: elementwise nodes that feed each other become one node (fused_op.h), and what is only
/// broadcast for them is never written out. The last pass: no other one looks into its nodes.
Graph fuse_elementwise(Graph graph);

/// Which passes run. To leave one out shows how much it saves.
struct PlanOptions {
  bool dead_code = true;
  bool simplify = true;
  bool common_subexpressions = true;
  bool accumulate = true;
  bool gram = true;
  bool reassociate = true;
  bool winograd = true;
  bool fuse = true;
  /// Let values share memory when their lifetimes do not overlap.
  bool reuse_memory = true;
  /// Let a value take the place of one that its step reads last (Op::may_overwrite).
  bool in_place = true;
  /// Of passes of your own: the names of those that do not run, and the options of each by its
  /// name.
  std::vector<std::string> without = {};
  std::map<std::string, std::any> own = {};

  /// The options of a pass of your own; its defaults in a plan that was given none.
  template <class Own>
  Own own_options(const std::string& pass) const {
    const auto found = own.find(pass);
    return found == own.end() ? Own() : std::any_cast<Own>(found->second);
  }
};

/// A pass and its switch, in the order in which they run.
struct Pass {
  std::string name;
  std::string purpose;
  /// The graph with the same values of all outputs.
  std::function<Graph(Graph graph, const PlanOptions& options)> run;
  /// Null for a pass that was added: `switch_off` by its name.
  bool PlanOptions::*enabled = nullptr;
};
const std::vector<Pass>& passes();

/// Adds a pass of your own, to run before another one: before "fuse", since no pass looks into what
/// that one makes. What it returns is checked: the order of the nodes, the outputs' number and
/// shapes, and that every op still has the shape that it computes. Throws when the name is taken.
void add_pass(Pass pass, std::string_view before = "fuse");

/// Runs the passes that the options leave on. `after` is called with each result.
Graph rewritten(Graph graph, const PlanOptions& options,
                const std::function<void(const Pass&, const Graph&)>& after = {});

/// Everything off: the tape as it was recorded, every value in a place of its own.
PlanOptions no_passes();

/// `options` by names, as the command line gives them: "dead-code", "simplify",
/// "common-subexpressions", ..., "reuse-memory", "in-place". Throws for an unknown name.
void switch_off(PlanOptions& options, std::string_view pass);

}  // namespace twice
