// The part of the Elementwise family that does not depend on the function. This header is separate
// from elementwise.h, because the vector types there take a second to compile.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// The derivative of y with respect to one input: a tensor of y's shape, or a plain number for a
/// constant derivative (0 if y does not depend on the input).
struct Slope {
  Slope(double value) : number(value) {}
  Slope(const Tensor& value) : tensor(value) {}
  /// `slope` where mask is not 0. Elsewhere y does not depend on the input, so the derivative is 0
  /// even if it is multiplied by infinity or NaN.
  static Slope where(const Tensor& mask, Slope slope = 1) {
    slope.mask = mask;
    return slope;
  }
  double number = 0;
  Tensor tensor;
  Tensor mask;
};

/// The base class of `Elementwise`, without the loop over vectors.
class ElementwiseOp : public Op {
 public:
  /// dy/dx_slot, recorded with public functions. Using the output y (relu' = [y > 0]) often means
  /// that x need not be kept.
  virtual Slope slope(int slot, std::span<const Tensor> x, Tensor y) const = 0;
  /// Computes y[0..count) from x[slot][0..count) on one thread. The planner fuses ops by this
  /// function. y may be one of the inputs: each element is read before it is written.
  virtual void block(DType dtype, const void* const* x, void* y, Index count) const = 0;
  /// FLOPs for one element: one for each arithmetic operation, comparison and function call in f
  /// (docs/conventions.md, "Counts"). Operations that `eval` adds for NaN do not count.
  virtual double flops_per_element() const { return 1; }
  /// True if `block` takes only a few instructions for each vector. If several fused groups read
  /// such a value, each of them may compute it again instead of reading it from memory.
  virtual bool is_cheap() const { return false; }

  /// All inputs and y have the same shape and dtype.
  Spec infer(Specs x) const override;
  void run(const Inputs& x, const Array& y, std::byte*) const final;
  Cost cost(Specs x, const Spec& y) const final;
  bool may_overwrite(int) const final { return true; }
  Tensor vjp(int slot, std::span<const Tensor> x, Tensor y, Tensor g) const final;
  Tensor jvp(int slot, std::span<const Tensor> x, Tensor y, Tensor t) const final;
};

}  // namespace twice
