// The Bilinear family: y = B(a, b), linear in each of two slots. The jvp for a slot is B with the
// tangent in that slot. The vjp is the slot's adjoint, which is bilinear too. No second derivative
// is written by hand.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// The base class of bilinear ops.
class BilinearOp : public Op {
 public:
  int input_count() const override { return 2; }
  /// Records B(a, b).
  virtual Tensor apply(Tensor a, Tensor b) const = 0;
  /// Records the gradient of <B(x_0, x_1), g> with respect to the input in one slot.
  virtual Tensor adjoint(int slot, std::span<const Tensor> x, Tensor g) const = 0;

  Tensor vjp(int slot, std::span<const Tensor> x, Tensor, Tensor g) const final {
    return adjoint(slot, x, g);
  }
  Tensor jvp(int slot, std::span<const Tensor> x, Tensor, Tensor t) const final {
    return slot == 0 ? apply(t, x[1]) : apply(x[0], t);
  }
};

}  // namespace twice
