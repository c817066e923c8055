#include "autodiff/ops/activations.h"

#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/elementwise.h"
#include "autodiff/ops/power.h"

namespace twice {

namespace {

/// y = max(x, 0).  dy/dx = [y > 0]; asking y, not x, lets x be freed.
struct Relu final : Elementwise<Relu, 1> {
  std::string_view name() const override { return "relu"; }
  template <class V>
  V eval(V x) const {
    using T = typename V::value_type;
    // Written so that NaN stays NaN.
    return select(x < V(T(0)), V(T(0)), x);
  }
  Slope slope(int, std::span<const Tensor>, Tensor y) const override { return positive(y); }
};

/// y = [x > 0].  dy/dx = 0.
struct Positive final : Elementwise<Positive, 1> {
  std::string_view name() const override { return "positive"; }
  template <class V>
  V eval(V x) const {
    using T = typename V::value_type;
    return select(x > V(T(0)), V(T(1)), V(T(0)));
  }
  Slope slope(int, std::span<const Tensor>, Tensor) const override { return 0; }
};

/// y = tanh x.  dy/dx = 1 - y^2.
struct Tanh final : Elementwise<Tanh, 1> {
  std::string_view name() const override { return "tanh"; }
  template <class V>
  V eval(V x) const {
    return tanh(x);
  }
  Slope slope(int, std::span<const Tensor>, Tensor y) const override { return 1 - square(y); }
};

}  // namespace

Tensor relu(Tensor x) { return record<Relu>({x}); }
Tensor positive(Tensor x) { return record<Positive>({x}); }
Tensor tanh(Tensor x) { return record<Tanh>({x}); }

}  // namespace twice
