// Several elementwise nodes as one op, which only the planner makes (plan/passes/fuse.cpp). The op
// works on blocks that stay in the L1 cache. All its nodes, the members, are computed on one block
// before the next block starts. Values that pass between members never go through memory. The
// members' own `block` functions do the arithmetic, so the results have the same bits as those of
// separate nodes.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "autodiff/ops/elementwise_op.h"
#include "autodiff/plan/graph.h"

namespace twice {

/// The position in an input that element i of y reads: x[(i / inner) % period].
struct Reading {
  Index inner = 1, period = 1;
  bool operator==(const Reading&) const = default;
};

/// How the elements of `small` repeat when it is broadcast to `large`. Empty unless the kept axes
/// are adjacent.
std::optional<Reading> reading_of(const Shape& small, const Shape& large);

/// The op of a group of elementwise nodes.
class FusedElementwise final : public Op {
 public:
  /// One node of the group.
  struct Member : Origin {
    std::shared_ptr<const ElementwiseOp> op;
    /// The value that each slot reads: k for input k of the group, inputs + m for member m.
    std::vector<int> operands;
  };

  /// Members in topological order. The value of the last member, of spec `y`, is the output.
  FusedElementwise(const Spec& y, std::vector<Reading> inputs, std::vector<Member> members);

  /// The number of block buffers of `run`. A group that needs more cannot run.
  static constexpr int most_buffers = 16;
  /// The maximum number of inputs and members, together, that `run` can handle.
  static constexpr std::size_t most_values = 128;
  /// The number of block buffers that the group needs.
  int buffers() const { return buffers_; }

  const std::vector<Member>& members() const { return members_; }
  /// The first member whose value contains a NaN or an infinity; null if there is none. Must be
  /// called before `run`, which may overwrite an input.
  const Member* first_non_finite(const Inputs& x) const;

  std::string_view name() const override { return "fused"; }
  int input_count() const override { return static_cast<int>(inputs_.size()); }
  /// The members as a formula, such as `relu(add(x0, x1[i % 512]))`.
  std::string attributes() const override;
  Spec infer(Specs x) const override;
  void run(const Inputs& x, const Array& y, std::byte*) const override;
  /// FLOPs of all members; each input is read once and y is written once.
  Cost cost(Specs x, const Spec& y) const override;
  /// True for inputs of y's size: each block is read before it is written.
  bool may_overwrite(int slot) const override { return whole(static_cast<std::size_t>(slot)); }
  /// Both throw: derivatives are taken of the recorded nodes.
  Tensor vjp(int, std::span<const Tensor>, Tensor, Tensor) const override;
  Tensor jvp(int, std::span<const Tensor>, Tensor, Tensor) const override;

 private:
  bool whole(std::size_t input) const {
    return inputs_[input].inner == 1 && inputs_[input].period == y_.shape.elements();
  }
  std::string formula_of(std::size_t value, const std::vector<std::string>& names) const;
  void assign_buffers();
  void choose_block();
  template <class After>
  void run_range(const Inputs& x, std::byte* y, Index first, Index last, const After& after) const;

  Spec y_;
  std::vector<Reading> inputs_;
  std::vector<Member> members_;
  /// The buffer of each value (inputs, then members); -1 for an input that is read in place.
  std::vector<int> buffer_of_;
  int buffers_ = 0;
  /// Elements of a block and of a tile, which depend on the shapes only.
  Index block_ = 1, tile_ = 1;
};

}  // namespace twice
