// The elementwise values that are computed together: the decisions of the pass `fuse`.
//
// Each elementwise value is either *stored* (written to memory once) or *inlined* (computed block
// by block inside each group that reads it). A group is a stored value together with the inlined
// values that it is computed from. Each group has one output. A group runs where its output was
// recorded, or earlier, but after everything that it reads, so no cycle can arise. Three rules
// decide:
//   1. A value that an output, a product or a sum reads is stored. A value that only one group
//      reads is inlined.
//   2. A value is not inlined across a product if that would extend the lives of more bytes than
//      it frees: lower memory traffic must not raise the peak memory. If everything that the group
//      reads is computed before the product, the group moves up instead.
//   3. A cheap value (such as relu's mask) that several groups read is inlined in each of them if
//      that moves fewer bytes.
#pragma once

#include "autodiff/plan/graph.h"
#include "autodiff/plan/passes/fused_op.h"

namespace twice {

/// The groups of a graph.
class FusionGroups {
  template <class T>
  static auto& at(T& list, int i) {
    return list[static_cast<std::size_t>(i)];
  }

 public:
  /// A value that a group reads from memory, and the positions that it reads.
  struct Read {
    int value;
    Reading reading;
    bool operator==(const Read&) const = default;
  };
  /// Members, each after the values that it reads. The last one is the stored value.
  struct Group {
    std::vector<int> members;
    std::vector<Read> inputs;
    bool through_broadcast = false;
  };

  /// The graph must outlive the groups.
  explicit FusionGroups(const Graph& graph);

  /// Stores this value from now on, and repeats all decisions.
  void always_store(int i);

  /// True if a node is elementwise and stored: the last member of a group.
  bool is_root(int i) const { return at(elementwise_, i) && at(stored_, i); }
  bool inlined(int i) const { return at(elementwise_, i) && !at(stored_, i); }
  Group group_of(int root) const;
  /// The value that `user` reads for its input, without the views and broadcasts between the two.
  Read read_of(int user, int input) const;
  const std::shared_ptr<const ElementwiseOp>& op(int i) const { return at(elementwise_, i); }
  /// The position at which each node runs.
  const std::vector<int>& places() const { return place_; }

 private:
  const GraphNode& node(int i) const { return graph_.at(i); }
  double bytes(int i) const { return static_cast<double>(node(i).spec.bytes()); }

  void decide();
  void inline_for_one(int i);
  void inline_for_several(int i);
  std::vector<int> roots_of(int value) const;
  bool keeps_more_alive(const std::vector<int>& members, const std::vector<Read>& inputs,
                        int until) const;
  bool ready(int root, int i) const;
  void collect(int i, Group& group) const;

  const Graph& graph_;
  /// Null for nodes that are not elementwise.
  std::vector<std::shared_ptr<const ElementwiseOp>> elementwise_;
  /// The value whose numbers a view shows; the node itself if it is not a view.
  std::vector<int> source_;
  /// The nodes that read a value, directly or through views.
  std::vector<std::vector<int>> users_;
  /// `output_` is 1 for outputs, `external_` for outputs and for values that another kind of node
  /// reads.
  std::vector<char> output_, external_;
  /// Values that are stored to keep their group small enough.
  std::vector<char> forced_;
  /// The number of nodes before a node that are not elementwise.
  std::vector<int> others_before_;

  std::vector<char> stored_;
  /// The last group that computes a node: the node's own group, or a group that inlines the node.
  std::vector<int> end_;
  /// The position at which a node runs.
  std::vector<int> place_;
  /// The number of members in the group of a stored value.
  std::vector<std::size_t> size_;
};

}  // namespace twice
