// The activation functions: each its equation and its slope.
#include "autodiff/ops/activations.h"

#include <cmath>
#include <numbers>

#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/compare.h"
#include "autodiff/ops/elementwise.h"
#include "autodiff/ops/exponential.h"
#include "autodiff/ops/inputs.h"
#include "autodiff/ops/power.h"

namespace twice {

namespace {

/// y = max(x, 0).  dy/dx = [y != 0]; asking y, not x, lets x be freed.
struct Relu final : Elementwise<Relu, 1> {
  std::string_view name() const override { return "relu"; }
  template <class V>
  V eval(V x) const {
    using T = typename V::value_type;
    // Written so that NaN stays NaN.
    return select(x < V(T(0)), V(T(0)), x);
  }
  Slope slope(int, std::span<const Tensor>, Tensor y) const override { return Slope::where(y); }
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

/// y = x where x > 0, else a x.  dy/dx = a + (1 - a) [x > 0].
struct LeakyRelu final : Elementwise<LeakyRelu, 1> {
  double a;
  explicit LeakyRelu(double slope_below) : a(slope_below) {}
  std::string_view name() const override { return "leaky_relu"; }
  std::string attributes() const override { return fmt::format("slope {}", a); }
  template <class V>
  V eval(V x) const {
    using T = typename V::value_type;
    return select(x > V(T(0)), x, V(static_cast<T>(a)) * x);
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override {
    const Tensor above = positive(x[0]);
    return a == 0 ? Slope::where(above) : affine(above, 1 - a, a);
  }
  double flops_per_element() const override { return 2; }
};

/// y = 1 where x > 0, else alpha e^x: the slope of elu.  dy/dx = 0 where x > 0, else y.
struct EluSlope final : Elementwise<EluSlope, 1> {
  double alpha;
  explicit EluSlope(double a) : alpha(a) {}
  std::string_view name() const override { return "elu_slope"; }
  std::string attributes() const override { return fmt::format("alpha {}", alpha); }
  template <class V>
  V eval(V x) const {
    using T = typename V::value_type;
    return select(x > V(T(0)), V(T(1)), V(static_cast<T>(alpha)) * exp(x));
  }
  Slope slope(int, std::span<const Tensor> x, Tensor y) const override {
    return Slope::where(1 - positive(x[0]), y);
  }
  double flops_per_element() const override { return 3; }
};

/// y = x where x > 0, else alpha (e^x - 1).  dy/dx = 1 where x > 0, else alpha e^x; not y + alpha,
/// which cancels where y is near -alpha.
struct Elu final : Elementwise<Elu, 1> {
  double alpha;
  explicit Elu(double a) : alpha(a) {}
  std::string_view name() const override { return "elu"; }
  std::string attributes() const override { return fmt::format("alpha {}", alpha); }
  template <class V>
  V eval(V x) const {
    using T = typename V::value_type;
    return select(x > V(T(0)), x, V(static_cast<T>(alpha)) * expm1(x));
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override {
    return record(EluSlope(alpha), {x[0]});
  }
  double flops_per_element() const override { return 3; }
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

/// s(x), for SIMD vectors. For very negative x, e^-x is infinite and the quotient 0, as it should.
template <class V>
V logistic(V x) {
  using T = typename V::value_type;
  return V(T(1)) / (V(T(1)) + exp(-x));
}

/// y = 1 / (1 + e^-x).  dy/dx = y (1 - y).
struct Sigmoid final : Elementwise<Sigmoid, 1> {
  std::string_view name() const override { return "sigmoid"; }
  template <class V>
  V eval(V x) const {
    return logistic(x);
  }
  Slope slope(int, std::span<const Tensor>, Tensor y) const override { return y * (1 - y); }
  double flops_per_element() const override { return 4; }
};

/// y = ln(1 + e^x).  dy/dx = s(x).
struct Softplus final : Elementwise<Softplus, 1> {
  std::string_view name() const override { return "softplus"; }
  template <class V>
  V eval(V x) const {
    using T = typename V::value_type;
    return select(x > V(T(0)), x, V(T(0))) + log1p(exp(-abs(x)));
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override { return sigmoid(x[0]); }
  double flops_per_element() const override { return 6; }
};

/// y = x s(x).  dy/dx = s + y (1 - s).
struct Silu final : Elementwise<Silu, 1> {
  std::string_view name() const override { return "silu"; }
  template <class V>
  V eval(V x) const {
    return x * logistic(x);
  }
  Slope slope(int, std::span<const Tensor> x, Tensor y) const override {
    const Tensor s = sigmoid(x[0]);
    return s + y * (1 - s);
  }
  double flops_per_element() const override { return 5; }
};

/// y = x Phi(beta x).  dy/dx = Phi(u) + u phi(u) with u = beta x.
struct BetaGelu final : Elementwise<BetaGelu, 1> {
  double beta;
  explicit BetaGelu(double b) : beta(b) {}
  std::string_view name() const override { return "beta_gelu"; }
  std::string attributes() const override { return fmt::format("beta {}", beta); }
  template <class V>
  V eval(V x) const {
    using T = typename V::value_type;
    return V(T(0.5)) * x * erfc(V(static_cast<T>(-beta / std::numbers::sqrt2)) * x);
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override {
    const Tensor u = beta == 1 ? x[0] : beta * x[0];
    return normal_cdf(u) + u * normal_pdf(u);
  }
  double flops_per_element() const override { return 4; }
};

}  // namespace

Tensor relu(Tensor x) { return record<Relu>({x}); }
Tensor positive(Tensor x) { return record<Positive>({x}); }
Tensor leaky_relu(Tensor x, double slope) { return record(LeakyRelu(slope), {x}); }
Tensor elu(Tensor x, double alpha) { return record(Elu(alpha), {x}); }
Tensor tanh(Tensor x) { return record<Tanh>({x}); }
Tensor sigmoid(Tensor x) { return record<Sigmoid>({x}); }
Tensor softplus(Tensor x) { return record<Softplus>({x}); }
Tensor silu(Tensor x) { return record<Silu>({x}); }
Tensor beta_gelu(Tensor x, double beta) { return record(BetaGelu(beta), {x}); }

Tensor gelu(Tensor x) {
  check_floats("gelu", {x});
  return beta_gelu(x, 1);
}

Tensor gelu_tanh(Tensor x) {
  check_floats("gelu_tanh", {x});
  const double scale = 2 * std::sqrt(2 / std::numbers::pi);
  return x * sigmoid(scale * x * affine(square(x), 0.044715, 1));
}

}  // namespace twice
