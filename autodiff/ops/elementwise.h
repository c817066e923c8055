// The Elementwise family: y_i = f(a_i), f(a_i, b_i) or f(a_i, b_i, c_i). The Jacobian is diagonal.
// An op defines only f (`eval`, on SIMD vectors) and its slope (`slope`, by recording ops). The
// family supplies the loop, the vjp and the jvp.
#pragma once

#include <algorithm>
#include <xsimd/xsimd.hpp>

#include "autodiff/ops/elementwise_op.h"

namespace twice {

/// The base class of an elementwise op. `Self` has a template `eval(V...) const`, where V is an
/// xsimd::batch of float or double. Argument-dependent lookup finds xsimd's exp, tanh, select, ...
/// The loop uses the instructions for which the op's file is compiled: for the library's own ops
/// those of kernels/cpu.h, for others those of the compiler's options, as in `-march=native`.
template <class Self, int arity>
class Elementwise : public ElementwiseOp {
 public:
  /// `arity`, from 1 to 3.
  int input_count() const final { return arity; }
  /// y[0..count) = f of the inputs, one vector at a time: see ElementwiseOp::block.
  void block(DType dtype, const void* const* x, void* y, Index count) const final {
    visit_float(dtype, [&]<class T>(T) {
      constexpr Index width = static_cast<Index>(xsimd::batch<T>::size);
      const T* in[3] = {};
      for (int slot = 0; slot < arity; ++slot) in[slot] = static_cast<const T*>(x[slot]);
      T* out = static_cast<T*>(y);
      const Index whole = count - count % width;
      compute(in[0], in[1], in[2], out, whole);
      if (whole == count) return;
      // The tail uses the same vector code, so the bits of an element do not depend on its
      // position.
      T tail[3][width], result[width];
      for (int slot = 0; slot < arity; ++slot) {
        std::fill_n(tail[slot], width, T(1));
        std::copy(in[slot] + whole, in[slot] + count, tail[slot]);
      }
      compute<T>(tail[0], tail[1], tail[2], result, width);
      std::copy_n(result, count - whole, out + whole);
    });
  }

 private:
  /// `count` must be a multiple of the vector length.
  template <class T>
  [[gnu::noinline]] void compute(const T* a, [[maybe_unused]] const T* b,
                                 [[maybe_unused]] const T* c, T* y, Index count) const {
    using V = xsimd::batch<T>;
    const Self& self = static_cast<const Self&>(*this);
    for (Index i = 0; i < count; i += static_cast<Index>(V::size))
      if constexpr (arity == 1)
        self.eval(V::load_unaligned(a + i)).store_unaligned(y + i);
      else if constexpr (arity == 2)
        self.eval(V::load_unaligned(a + i), V::load_unaligned(b + i)).store_unaligned(y + i);
      else
        self.eval(V::load_unaligned(a + i), V::load_unaligned(b + i), V::load_unaligned(c + i))
            .store_unaligned(y + i);
  }
};

}  // namespace twice
