#include "autodiff/ops/trigonometric.h"

#include "autodiff/kernels/elementary.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/elementwise.h"

namespace twice {

namespace {

/// y = sin x.  dy/dx = cos x.
struct Sin final : Elementwise<Sin, 1> {
  std::string_view name() const override { return "sin"; }
  template <class V>
  V eval(V x) const {
    return kernel::sin(x);
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override { return twice::cos(x[0]); }
};

/// y = cos x.  dy/dx = -sin x.
struct Cos final : Elementwise<Cos, 1> {
  std::string_view name() const override { return "cos"; }
  template <class V>
  V eval(V x) const {
    return kernel::cos(x);
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override { return -twice::sin(x[0]); }
};

}  // namespace

Tensor sin(Tensor x) { return record<Sin>({x}); }
Tensor cos(Tensor x) { return record<Cos>({x}); }

}  // namespace twice
