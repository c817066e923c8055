// The tape: an append-only list of nodes. Recording an operation appends a node and
// computes nothing; the order of the nodes is a topological order of the graph.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "autodiff/tape/op.h"

namespace twice {

/// Which part of the work a node belongs to: what the user wrote, its first
/// derivative, derivatives of derivatives, or the parameter update.
enum class Phase : std::uint8_t { forward, backward, double_backward, update };
inline constexpr int phase_count = 4;
std::string_view str(Phase phase);

enum class NodeKind : std::uint8_t {
  operation,
  input,      ///< bound to an array at each run
  parameter,  ///< holds an array that an optimiser may change between runs
  constant    ///< holds an array that never changes
};

/// The `Scope` that a node was recorded in; null outside of any. A plan may outlive its tape.
using ScopeName = std::shared_ptr<const std::string>;
/// ` in encoder.attention`, for messages; empty outside of any scope.
std::string in_scope(const ScopeName& scope);

struct Node {
  NodeKind kind = NodeKind::operation;
  Phase phase = Phase::forward;
  std::uint16_t input_count = 0;
  /// Where the indices of its inputs begin in the tape's pool.
  std::uint32_t first_input = 0;
  /// The node whose derivative rule recorded this one; itself when the user did.
  int origin = 0;
  /// Position of a leaf's array in the tape's store, else -1.
  int stored = -1;
  std::shared_ptr<const Op> op;
  Spec spec;
  ScopeName scope = {};  ///< its origin's
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

/// Append-only list of nodes. There is no global tape: an op finds its tape through
/// its inputs. Not thread-safe; use one tape per thread.
class Tape {
 public:
  Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// A value that each run binds anew.
  Tensor input(const Shape& shape, DType dtype = DType::f32, std::string name = "input");
  /// Class labels: an i32 input.
  Tensor labels(const Shape& shape, std::string name = "labels");
  /// A leaf that reads `value` in place at every run (the numbers are shared, not copied).
  Tensor parameter(const Array& value, std::string name = "parameter");
  /// A leaf whose numbers never change: a copy of `value`. The only way from an Array to a Tensor.
  Tensor constant(const Array& value);
  Tensor constant(double value, DType dtype) { return constant(Array::scalar(value, dtype)); }

  /// Appends an operation; called by the public functions of ops/.
  Tensor record(std::shared_ptr<const Op> op, std::span<const Tensor> inputs);

  /// Forgets every node, and the phase and origin of the RecordingScopes that are open. Handles
  /// made before become stale and throw when used.
  void clear();

  int size() const { return static_cast<int>(nodes_.size()); }
  const Node& node(int index) const { return nodes_[static_cast<std::size_t>(index)]; }
  std::span<const int> inputs_of(const Node& node) const {
    return {input_pool_.data() + node.first_input, node.input_count};
  }
  Tensor handle(int index) { return {this, index, generation_}; }
  /// The array of a parameter or constant.
  const Array& stored(const Node& leaf) const {
    return stored_[static_cast<std::size_t>(leaf.stored)].second;
  }
  /// The name of a leaf, or of an operation's op.
  std::string_view name(const Node& node) const;
  /// The forward node that a node came from: origins followed to their root.
  int forward_origin(int index) const;
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

/// Names what is recorded while it lives, for costs and for messages: `Scope scope(tape,
/// "attention")`. Scopes nest: "conv1" inside of "stage1.block1" is `stage1.block1.conv1`.
class Scope {
 public:
  Scope(Tape& tape, std::string_view name);
  /// The scope of `x` where that is inside of the open one, else the open one: so an activation
  /// belongs to the layer before it.
  explicit Scope(Tensor x);
  ~Scope() { tape_.scope_ = std::move(before_); }
  Scope(const Scope&) = delete;

 private:
  Scope(Tape& tape, ScopeName name);

  Tape& tape_;
  ScopeName before_;
  ErrorPlace place_;
};

/// What was recorded last in that scope, derivatives aside: the output of a layer. Throws when
/// nothing was.
Tensor output_of(Tape& tape, std::string_view scope);

/// While it lives, nodes recorded on the tape carry the given phase and origin.
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
    // The node that was the origin before is gone when the tape was cleared since.
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

/// The tape of all of `x`, at least one; throws, naming `who`, when a handle is empty or stale, or
/// when they are on two tapes.
Tape& tape_of(std::string_view who, std::span<const Tensor> x);
inline Tape& tape_of(std::string_view who, std::initializer_list<Tensor> x) {
  return tape_of(who, std::span(x.begin(), x.size()));
}

/// Records an op that is built from its attributes: `record(Slice{...}, {x})`.
template <class OpType>
Tensor record(OpType op, std::initializer_list<Tensor> inputs) {
  const std::span<const Tensor> x(inputs.begin(), inputs.size());
  return tape_of(op.name(), x).record(std::make_shared<const OpType>(std::move(op)), x);
}

/// Records an op without attributes: all its nodes share one object.
template <class OpType>
Tensor record(std::initializer_list<Tensor> inputs) {
  static const auto op = std::make_shared<const OpType>();
  const std::span<const Tensor> x(inputs.begin(), inputs.size());
  return tape_of(op->name(), x).record(op, x);
}

}  // namespace twice
