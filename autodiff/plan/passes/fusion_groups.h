// Which elementwise values of a graph are computed together: the decisions of the pass `fuse`.
//
// Each elementwise value is either *stored* (written to memory, once) or *inlined* (computed
// block by block inside of each group that reads it). A group is a stored value with everything
// inlined that it is made of. Groups have one output each and run where that was recorded, or
// earlier, but after all that they read; so no cycle can arise. Three rules decide:
//   1. A value that an output, a product or a sum needs is stored; a value that one group alone
//      reads is inlined.
//   2. But not past a product when that would keep more bytes alive meanwhile than it frees:
//      traffic is not saved at the price of peak memory. A group that is ready before the product
//      moves up instead.
//   3. A value that is cheap to compute (relu's mask) and read by several groups is inlined in
//      each of them when that moves fewer bytes.
#pragma once

#include "autodiff/plan/graph.h"
#include "autodiff/plan/passes/fused_op.h"

namespace twice {

class FusionGroups {
  template <class T>
  static auto& at(T& list, int i) {
    return list[static_cast<std::size_t>(i)];
  }

 public:
  /// A value that is read from memory, and how.
  struct Read {
    int value;
    Reading reading;
    bool operator==(const Read&) const = default;
  };
  /// Members, each after what it reads; the last one is the stored value.
  struct Group {
    std::vector<int> members;
    std::vector<Read> inputs;
    bool through_broadcast = false;
  };

  /// The graph must outlive the groups.
  explicit FusionGroups(const Graph& graph);

  /// From now on this value is stored; all is decided anew.
  void always_store(int i);

  /// Whether a node is elementwise and stored: the last member of a group.
  bool is_root(int i) const { return at(elementwise_, i) && at(stored_, i); }
  bool inlined(int i) const { return at(elementwise_, i) && !at(stored_, i); }
  Group group_of(int root) const;
  /// What `user` reads in the place of its input: views and broadcasts are looked through.
  Read read_of(int user, int input) const;
  const std::shared_ptr<const ElementwiseOp>& op(int i) const { return at(elementwise_, i); }
  /// For each node, where in the order of the nodes it runs.
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
  /// Null for what is not elementwise.
  std::vector<std::shared_ptr<const ElementwiseOp>> elementwise_;
  /// The value whose numbers a view has; itself for what is no view.
  std::vector<int> source_;
  /// The nodes that read a value, views of it looked through.
  std::vector<std::vector<int>> users_;
  /// Whether it is an output, and whether it is that or read by what is not elementwise.
  std::vector<char> output_, external_;
  /// Stored so that its group stays small enough.
  std::vector<char> forced_;
  /// How many products, sums, ... precede a node.
  std::vector<int> others_before_;

  std::vector<char> stored_;
  /// The last group that computes a node: itself, or one that it is inlined in.
  std::vector<int> end_;
  /// Where in the order of the nodes it runs.
  std::vector<int> place_;
  /// How many members the group of a stored value has.
  std::vector<std::size_t> size_;
};

}  // namespace twice
