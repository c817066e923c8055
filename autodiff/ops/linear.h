// The Linear family: y = A x with a constant map A. The vjp is the adjoint map A' and
// the jvp is A itself, so each op names only its partner: broadcast and sum_to, slice
// and pad, gather and scatter_add, ... Further inputs (indices) are saved constants.
#pragma once

#include <algorithm>

#include "autodiff/tape/tape.h"

namespace twice {

class LinearOp : public Op {
 public:
  /// One, and one more where numbers are picked by indices.
  int input_count() const override { return 1; }
  /// A' g. `x` are the op's inputs: shapes, and indices in slots 1 and up.
  virtual Tensor adjoint(std::span<const Tensor> x, Tensor g) const = 0;
  /// A t: this op with t in the place of x_0.
  virtual Tensor apply(std::span<const Tensor> x, Tensor t) const = 0;

  /// By default an op only moves numbers; those that add say so.
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

/// The cost of picking numbers of x_0 by the indices x_1. Which ones is not known before the run:
/// as many different ones as can be.
inline Cost picking_cost(Specs x, const Spec& y) {
  return {0, static_cast<double>(std::min(x[0].bytes(), y.bytes()) + x[1].bytes() + y.bytes())};
}

}  // namespace twice
