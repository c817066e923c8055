// The Elementwise family: y_i = f(x_i) or f(a_i, b_i). The Jacobian is diagonal, so
// an op says only what f is (`eval`, on a SIMD vector of numbers) and what its slope is
// (`slope`, in ops); the family supplies the loop, the vjp and the jvp.
#pragma once

#include <array>
#include <xsimd/xsimd.hpp>

#include "autodiff/tape/tape.h"
#include "autodiff/threads/parallel.h"

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

/// The part of the family that does not depend on the function.
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

  /// All inputs have one shape and one dtype; so has y.
  Spec infer(Specs x) const override;
  void run(const Inputs& x, const Array& y, std::byte*) const final;
  Cost cost(Specs x, const Spec& y) const final;
  bool may_overwrite(int) const final { return true; }
  Tensor vjp(int slot, std::span<const Tensor> x, Tensor y, Tensor g) const final;
  Tensor jvp(int slot, std::span<const Tensor> x, Tensor y, Tensor t) const final;
};

/// `Self` has `eval(V...) const`, a template over the vector type V (an xsimd::batch of
/// float or double; xsimd's exp, tanh, select, ... are found by argument-dependent lookup).
template <class Self, int arity>
class Elementwise : public ElementwiseOp {
 public:
  int input_count() const final { return arity; }
  void block(DType dtype, const void* const* x, void* y, Index count) const final {
    visit_float(dtype, [&]<class T>(T) {
      using V = xsimd::batch<T>;
      constexpr Index width = static_cast<Index>(V::size);
      const auto in = [&](int slot) { return static_cast<const T*>(x[slot]); };
      T* out = static_cast<T*>(y);
      Index i = 0;
      for (; i + width <= count; i += width)
        call([&](int slot) { return V::load_unaligned(in(slot) + i); }).store_unaligned(out + i);
      if (i == count) return;
      // The tail takes the same vector path, so a number's bits never depend on its position.
      std::array<T, V::size> tail;
      const auto load_tail = [&](int slot) {
        tail.fill(T(1));
        std::copy(in(slot) + i, in(slot) + count, tail.begin());
        return V::load_unaligned(tail.data());
      };
      const V result = call(load_tail);
      result.store_unaligned(tail.data());
      std::copy_n(tail.begin(), count - i, out + i);
    });
  }

 private:
  template <class Load>
  auto call(const Load& load) const {
    const Self& self = static_cast<const Self&>(*this);
    if constexpr (arity == 1)
      return self.eval(load(0));
    else if constexpr (arity == 2)
      return self.eval(load(0), load(1));
    else
      return self.eval(load(0), load(1), load(2));
  }
};

}  // namespace twice
