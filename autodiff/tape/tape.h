// The tape: an append-only list of nodes. Recording an operation appends a node and computes
// nothing. The nodes are in topological order: each comes after its inputs.
#pragma once

#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "autodiff/tape/op.h"

namespace twice {

/// The part of the work that a node belongs to: the user's computation, its first derivative,
/// derivatives of derivatives, or the parameter update.
enum class Phase : std::uint8_t { forward, backward, double_backward, update };
/// The number of phases.
inline constexpr int phase_count = 4;
/// "forward", "backward", "double backward" or "update".
std::string_view str(Phase phase);

/// The kinds of nodes. All but `operation` are leaves: nodes without inputs.
enum class NodeKind : std::uint8_t {
  operation,  ///< applies an op to its inputs
  input,      ///< bound to an array at each run
  parameter,  ///< holds an array that an optimiser may change between runs
  constant    ///< holds an array that never changes
};

/// The name of the `Scope` in which a node was recorded; null outside any scope. Shared, because a
/// plan may outlive its tape.
using ScopeName = std::shared_ptr<const std::string>;
/// ` in encoder.attention`, for messages; empty outside any scope.
std::string in_scope(const ScopeName& scope);

/// One entry of the tape.
struct Node {
  NodeKind kind = NodeKind::operation;
  Phase phase = Phase::forward;
  std::uint16_t input_count = 0;
  /// The position of the first input's index in the tape's pool.
  std::uint32_t first_input = 0;
  /// The index of the node whose derivative rule recorded this one. A node that the user recorded
  /// is its own origin.
  int origin = 0;
  /// The position of a leaf's array in the tape's store; -1 for operations.
  int stored = -1;
  std::shared_ptr<const Op> op;
  Spec spec;
  ScopeName scope = {};  ///< the scope of the origin
};

/// A call of `grad` or `push`: the nodes that it recorded, and the derivatives that it found.
struct Sweep {
  /// True for `push`, which records jvps and finds tangents. `grad` records vjps and finds
  /// cotangents.
  bool forward = false;
  /// The nodes first, first + 1, ..., end - 1.
  int first = 0, end = 0;
  /// Pairs of nodes: the first one is the cotangent or the tangent of the second one.
  std::vector<std::pair<int, int>> derivatives = {};
};

/// An append-only list of nodes. There is no global tape: an op takes the tape of its inputs. Not
/// thread-safe; use one tape per thread.
class Tape {
 public:
  Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// A leaf that is bound to an array of this shape and dtype when a plan runs.
  Tensor input(const Shape& shape, DType dtype = DType::f32, std::string name = "input");
  /// An i32 input for class labels.
  Tensor labels(const Shape& shape, std::string name = "labels");
  /// A leaf that reads `value` in place at every run; the numbers are shared, not copied. Throws if
  /// the array is not contiguous.
  Tensor parameter(const Array& value, std::string name = "parameter");
  /// A leaf that holds a copy of `value`, which never changes.
  Tensor constant(const Array& value);
  /// A constant of rank 0.
  Tensor constant(double value, DType dtype) { return constant(Array::scalar(value, dtype)); }

  /// Appends an operation and returns its handle. The public functions of ops/ call it. Throws if
  /// the inputs do not fit the op or lie on another tape.
  Tensor record(std::shared_ptr<const Op> op, std::span<const Tensor> inputs);

  /// Removes all nodes, and resets the phase and origin of open RecordingScopes. Handles that were
  /// made before become stale: using one throws.
  void clear();

  /// The number of nodes.
  int size() const { return static_cast<int>(nodes_.size()); }
  /// The node at an index, from 0.
  const Node& node(int index) const { return nodes_[static_cast<std::size_t>(index)]; }
  /// The indices of a node's inputs.
  std::span<const int> inputs_of(const Node& node) const {
    return {input_pool_.data() + node.first_input, node.input_count};
  }
  /// The handle of the node at an index.
  Tensor handle(int index) { return {this, index, generation_}; }
  /// The array of a parameter or constant.
  const Array& stored(const Node& leaf) const {
    return stored_[static_cast<std::size_t>(leaf.stored)].second;
  }
  /// The name of a leaf; for an operation, the name of its op.
  std::string_view name(const Node& node) const;
  /// The forward node that a node was derived from: the last node of the chain of origins.
  int forward_origin(int index) const;
  /// A number that is unique to this tape and changes when the tape is cleared.
  std::uint64_t generation() const { return generation_; }

  /// Called by `grad` and `push` at their end.
  void add_sweep(Sweep sweep) { sweeps_.push_back(std::move(sweep)); }
  /// In the order in which they ended.
  const std::vector<Sweep>& sweeps() const { return sweeps_; }

 private:
  friend class RecordingScope;
  friend class Scope;
  Tensor append(Node node);
  const ScopeName& scope() const { return origin_ >= 0 ? node(origin_).scope : scope_; }
  Tensor leaf(NodeKind kind, const Spec& spec, const Array& value, std::string name);

  std::vector<Node> nodes_;
  std::vector<int> input_pool_;
  std::vector<std::pair<std::string, Array>> stored_;
  std::vector<Spec> spec_scratch_;
  std::vector<Sweep> sweeps_;
  std::uint64_t generation_;
  Phase phase_ = Phase::forward;
  int origin_ = -1;
  ScopeName scope_;
};

/// Names the nodes that are recorded while this object lives, for tables of costs and for messages:
/// `Scope scope(tape, "attention")`. Scopes nest: "conv1" inside "stage1.block1" is
/// `stage1.block1.conv1`.
class Scope {
 public:
  Scope(Tape& tape, std::string_view name);
  /// Opens the scope of `x` if that lies inside the open scope, otherwise the open scope again. An
  /// activation thereby belongs to the layer before it.
  explicit Scope(Tensor x);
  ~Scope() { tape_.scope_ = std::move(before_); }
  Scope(const Scope&) = delete;

 private:
  Scope(Tape& tape, ScopeName name);

  Tape& tape_;
  ScopeName before_;
  ErrorPlace place_;
};

/// The node that was recorded last in the scope, without derivatives: the output of a layer. Throws
/// if there is none.
Tensor output_of(Tape& tape, std::string_view scope);

/// Sets the phase and the origin of the nodes that are recorded while this object lives.
class RecordingScope {
 public:
  RecordingScope(Tape& tape, Phase phase, int origin = -1)
      : tape_(tape),
        phase_(tape.phase_),
        origin_(tape.origin_),
        generation_(tape.generation_),
        place_(origin < 0 ? tape.scope_ : tape.node(origin).scope) {
    tape.phase_ = phase;
    tape.origin_ = origin;
  }
  ~RecordingScope() {
    // If the tape was cleared since, the former origin no longer exists.
    if (tape_.generation_ != generation_) return;
    tape_.phase_ = phase_;
    tape_.origin_ = origin_;
  }
  RecordingScope(const RecordingScope&) = delete;
  RecordingScope& operator=(const RecordingScope&) = delete;

 private:
  Tape& tape_;
  Phase phase_;
  int origin_;
  std::uint64_t generation_;
  ErrorPlace place_;
};

/// The tape of all tensors in `x`. Throws an error that starts with `who` if the list is empty, if
/// a handle is empty or stale, or if the tensors are on two tapes.
Tape& tape_of(std::string_view who, std::span<const Tensor> x);
inline Tape& tape_of(std::string_view who, std::initializer_list<Tensor> x) {
  return tape_of(who, std::span(x.begin(), x.size()));
}

/// Records an op that is given with its attributes: `record(Slice{...}, {x})`.
template <class OpType>
Tensor record(OpType op, std::initializer_list<Tensor> inputs) {
  const std::span<const Tensor> x(inputs.begin(), inputs.size());
  return tape_of(op.name(), x).record(std::make_shared<const OpType>(std::move(op)), x);
}

/// Records an op that has no attributes. All nodes share one op object.
template <class OpType>
Tensor record(std::initializer_list<Tensor> inputs) {
  static_assert(
      !std::is_abstract_v<OpType>,
      "this op lacks a function that its family leaves to it, such as run or input_count");
  static const auto op = std::make_shared<const OpType>();
  const std::span<const Tensor> x(inputs.begin(), inputs.size());
  return tape_of(op->name(), x).record(op, x);
}

}  // namespace twice
