// The part of the Elementwise family that does not depend on the function. It stands apart from
// elementwise.h because the vectors there take a second to compile.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// The derivative of y by one input, of y's shape: a plain number (0 when there is no
/// dependence, 1 for an addition, ...) or a tensor.
struct Slope {
  Slope(double value) : number(value) {}
  Slope(const Tensor& value) : tensor(value) {}
  /// `slope` where mask is not 0. Elsewhere y does not depend on the input: the derivative is 0
  /// whatever it is multiplied with, infinities and NaN included.
  static Slope where(const Tensor& mask, Slope slope = 1) {
    slope.mask = mask;
    return slope;
  }
  double number = 0;
  Tensor tensor;
  Tensor mask;
};

class ElementwiseOp : public Op {
 public:
  /// dy/dx_slot, recorded with public functions; it may use the output y
  /// (relu' = [y > 0]), which often spares keeping x.
  virtual Slope slope(int slot, std::span<const Tensor> x, Tensor y) const = 0;
  /// y[0..count) from x[slot][0..count), one thread; the unit that the planner fuses. y may be one
  /// of the x: each number is read before it is written.
  virtual void block(DType dtype, const void* const* x, void* y, Index count) const = 0;
  /// FLOPs counted for one element: one for each arithmetic operation, comparison and call of a
  /// function that f needs (docs/conventions.md, Counts); what `eval` adds for NaN is not.
  virtual double flops_per_element() const { return 1; }
  /// Whether `block` takes only a few instructions for a vector. A value that several fused groups
  /// read may then be computed in each of them instead of being stored.
  virtual bool is_cheap() const { return false; }

  /// All inputs have one shape and one dtype; so has y.
  Spec infer(Specs x) const override;
  void run(const Inputs& x, const Array& y, std::byte*) const final;
  Cost cost(Specs x, const Spec& y) const final;
  bool may_overwrite(int) const final { return true; }
  Tensor vjp(int slot, std::span<const Tensor> x, Tensor y, Tensor g) const final;
  Tensor jvp(int slot, std::span<const Tensor> x, Tensor y, Tensor t) const final;
};

}  // namespace twice
