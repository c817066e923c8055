// The activation functions, each with its equation and its slope.
#include "autodiff/ops/activations.h"

#include <cmath>
#include <numbers>

#include "autodiff/kernels/elementary.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/compare.h"
#include "autodiff/ops/elementwise.h"
#include "autodiff/ops/exponential.h"
#include "autodiff/ops/inputs.h"
#include "autodiff/ops/power.h"

namespace twice {

namespace {

/// y = max(x, 0).  dy/dx = [y != 0]. The slope uses y instead of x, so that x need not be kept.
struct Relu final : Elementwise<Relu, 1> {
  std::string_view name() const override { return "relu"; }
  bool is_cheap() const override { return true; }
  template <class V>
  V eval(V x) const {
    using T = typename V::value_type;
    // In this form a NaN stays NaN.
    return select(x < V(T(0)), V(T(0)), x);
  }
  Slope slope(int, std::span<const Tensor>, Tensor y) const override { return Slope::where(y); }
};

/// y = [x > 0].  dy/dx = 0.
struct Positive final : Elementwise<Positive, 1> {
  std::string_view name() const override { return "positive"; }
  bool is_cheap() const override { return true; }
  template <class V>
  V eval(V x) const {
    using T = typename V::value_type;
    return select(x > V(T(0)), V(T(1)), V(T(0)));
  }
  Slope slope(int, std::span<const Tensor>, Tensor) const override { return 0; }
};

/// y = x where x > 0, otherwise a x.  dy/dx = a + (1 - a) [x > 0].
struct LeakyRelu final : Elementwise<LeakyRelu, 1> {
  double a;
  explicit LeakyRelu(double slope_below) : a(slope_below) {}
  std::string_view name() const override { return "leaky_relu"; }
  bool is_cheap() const override { return true; }
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

/// y = 1 where x > 0, otherwise alpha e^x: the slope of elu.  dy/dx = 0 where x > 0, otherwise y.
struct EluSlope final : Elementwise<EluSlope, 1> {
  double alpha;
  explicit EluSlope(double a) : alpha(a) {}
  std::string_view name() const override { return "elu_slope"; }
  std::string attributes() const override { return fmt::format("alpha {}", alpha); }
  template <class V>
  V eval(V x) const {
    using T = typename V::value_type;
    return select(x > V(T(0)), V(T(1)), V(static_cast<T>(alpha)) * kernel::exp(x));
  }
  Slope slope(int, std::span<const Tensor> x, Tensor y) const override {
    return Slope::where(1 - positive(x[0]), y);
  }
  double flops_per_element() const override { return 3; }
};

/// y = x where x > 0, otherwise alpha (e^x - 1).  dy/dx = 1 where x > 0, otherwise alpha e^x. The
/// slope is not computed as y + alpha, which cancels for y near -alpha.
struct Elu final : Elementwise<Elu, 1> {
  double alpha;
  explicit Elu(double a) : alpha(a) {}
  std::string_view name() const override { return "elu"; }
  std::string attributes() const override { return fmt::format("alpha {}", alpha); }
  template <class V>
  V eval(V x) const {
    using T = typename V::value_type;
    return select(x > V(T(0)), x, V(static_cast<T>(alpha)) * kernel::expm1(x));
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override {
    return alpha == 0 ? Slope::where(positive(x[0])) : record(EluSlope(alpha), {x[0]});
  }
  double flops_per_element() const override { return 3; }
};

/// y = tanh x.  dy/dx = 1/cosh^2 x, not computed as 1 - y^2, which cancels for |y| near 1.
struct Tanh final : Elementwise<Tanh, 1> {
  std::string_view name() const override { return "tanh"; }
  template <class V>
  V eval(V x) const {
    return kernel::tanh(x);
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override { return sech2(x[0]); }
};

/// y = 1/cosh^2 x.  dy/dx = -2 y tanh x.
struct Sech2 final : Elementwise<Sech2, 1> {
  std::string_view name() const override { return "sech2"; }
  template <class V>
  V eval(V x) const {
    return kernel::sech2(x);
  }
  Slope slope(int, std::span<const Tensor> x, Tensor y) const override {
    return -2 * (y * twice::tanh(x[0]));
  }
  double flops_per_element() const override { return 3; }
};

/// s'(x) = s(x) s(-x) = 1/(4 cosh^2(x/2)), as a recorded tensor, accurate at both ends.
Tensor sigmoid_slope(Tensor x) { return 0.25 * sech2(0.5 * x); }

/// y = s(x) = 1 / (1 + e^-x).  dy/dx = s(x) s(-x), not computed as y (1 - y), which cancels
/// for y near 1.
struct Sigmoid final : Elementwise<Sigmoid, 1> {
  std::string_view name() const override { return "sigmoid"; }
  template <class V>
  V eval(V x) const {
    return kernel::logistic(x);
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override { return sigmoid_slope(x[0]); }
  double flops_per_element() const override { return 4; }
};

/// y = ln(1 + e^x).  dy/dx = s(x).
struct Softplus final : Elementwise<Softplus, 1> {
  std::string_view name() const override { return "softplus"; }
  template <class V>
  V eval(V x) const {
    return kernel::softplus(x);
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override { return sigmoid(x[0]); }
  double flops_per_element() const override { return 6; }
};

/// y = x s(x).  dy/dx = s(x) + x s(x) s(-x).
struct Silu final : Elementwise<Silu, 1> {
  std::string_view name() const override { return "silu"; }
  template <class V>
  V eval(V x) const {
    return kernel::silu(x);
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override {
    return sigmoid(x[0]) + x[0] * sigmoid_slope(x[0]);
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
    return kernel::beta_gelu(x, beta);
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override {
    // Beyond 50, Phi is 0 or 1 and beta x could overflow, so u is limited.
    const Tensor u = beta == 1 ? x[0] : clamp(beta * x[0], -50, 50);
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
Tensor sech2(Tensor x) { return record<Sech2>({x}); }
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
  // Beyond 30, s is 0 or 1 in every dtype. The limit keeps the powers of x from overflowing.
  const Tensor c = clamp(x, -30, 30);
  return x * sigmoid(scale * c * affine(square(c), 0.044715, 1));
}

}  // namespace twice
