// The Linear family: y = A x with a constant map A. The jvp is A itself, and the vjp is the adjoint
// A'. An op only names its adjoint: broadcast_to and sum_to, slice and pad, gather and scatter_add,
// ... Further inputs (indices) are constants.
#pragma once

#include <algorithm>

#include "autodiff/tape/tape.h"

namespace twice {

/// The base class of linear ops.
class LinearOp : public Op {
 public:
  /// 1; 2 for ops that take indices.
  int input_count() const override { return 1; }
  /// Records A' g. `x` are the op's inputs: x_0 gives the shape, and x_1 may hold indices.
  virtual Tensor adjoint(std::span<const Tensor> x, Tensor g) const = 0;
  /// Records A t: the op with t in place of x_0.
  virtual Tensor apply(std::span<const Tensor> x, Tensor t) const = 0;

  /// By default 0 FLOPs, for ops that only move numbers. Ops that add override this function.
  Cost cost(Specs x, const Spec& y) const override {
    Cost cost = Op::cost(x, y);
    cost.flops = 0;
    return cost;
  }
  Tensor vjp(int slot, std::span<const Tensor> x, Tensor, Tensor g) const final {
    return slot == 0 ? adjoint(x, g) : Tensor{};
  }
  Tensor jvp(int slot, std::span<const Tensor> x, Tensor, Tensor t) const final {
    return slot == 0 ? apply(x, t) : Tensor{};
  }
};

/// The cost of selecting numbers of x_0 by the indices x_1. The indices are unknown before the run,
/// so the count assumes as many different ones as possible.
inline Cost picking_cost(Specs x, const Spec& y) {
  return {0, static_cast<double>(std::min(x[0].bytes(), y.bytes()) + x[1].bytes() + y.bytes())};
}

}  // namespace twice
