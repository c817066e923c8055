// Several elementwise nodes as one op, which only the planner makes (plan/passes/fuse.cpp): it goes
// through its tensors in blocks that stay in the L1 cache and computes all members on a block
// before it turns to the next, so that what one member hands to another never travels through
// memory. The members' own `block` functions do the arithmetic, hence the bits are those of
// the separate nodes.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "autodiff/ops/elementwise_op.h"
#include "autodiff/plan/graph.h"

namespace twice {

/// How element i of y finds its number in an input: x[(i / inner) % period].
struct Reading {
  Index inner = 1, period = 1;
  bool operator==(const Reading&) const = default;
};

/// How the numbers of `small` repeat in `large`, to which it broadcasts. Empty unless the kept axes
/// are adjacent.
std::optional<Reading> reading_of(const Shape& small, const Shape& large);

class FusedElementwise final : public Op {
 public:
  /// One node of the group.
  struct Member : Origin {
    std::shared_ptr<const ElementwiseOp> op;
    /// What each of its slots reads: k is input k of the group, inputs + m the value of member m.
    std::vector<int> operands;
  };

  /// Members in topological order; the last one's value, of spec `y`, is the group's.
  FusedElementwise(const Spec& y, std::vector<Reading> inputs, std::vector<Member> members);

  /// Block buffers that `run` has. A group that needs more cannot run.
  static constexpr int most_buffers = 16;
  /// Inputs and members that `run` can hold.
  static constexpr std::size_t most_values = 128;
  int buffers() const { return buffers_; }

  const std::vector<Member>& members() const { return members_; }
  /// The first member, in the order of the members, one of whose numbers is NaN or infinite; null
  /// when there is none. To be asked before `run`, which may overwrite an input.
  const Member* first_non_finite(const Inputs& x) const;

  std::string_view name() const override { return "fused"; }
  int input_count() const override { return static_cast<int>(inputs_.size()); }
  /// The members as a formula, such as `relu(add(x0, x1[i % 512]))`.
  std::string attributes() const override;
  Spec infer(Specs x) const override;
  void run(const Inputs& x, const Array& y, std::byte*) const override;
  /// FLOPs of all members; each input read and y written once.
  Cost cost(Specs x, const Spec& y) const override;
  /// Every input of y's size is read block by block, each block before it is written.
  bool may_overwrite(int slot) const override { return whole(static_cast<std::size_t>(slot)); }
  /// Derivatives are taken of what was recorded: both throw.
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
  /// Numbers in a block and in a tile, fixed by the shapes.
  Index block_ = 1, tile_ = 1;
};

}  // namespace twice
