// Powers and roots, each with its equation and its slope.
#include "autodiff/ops/power.h"

#include <cmath>

#include "autodiff/kernels/elementary.h"
#include "autodiff/ops/algebra.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/compare.h"
#include "autodiff/ops/elementwise.h"
#include "autodiff/ops/exponential.h"
#include "autodiff/ops/inputs.h"

namespace twice {

namespace {

/// y = x^2.  dy/dx = 2 x.
struct Square final : Elementwise<Square, 1> {
  std::string_view name() const override { return "square"; }
  bool is_cheap() const override { return true; }
  template <class V>
  V eval(V x) const {
    return x * x;
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override { return 2 * x[0]; }
};

/// y = 1/x.  dy/dx = -y^2.
struct Reciprocal final : Elementwise<Reciprocal, 1> {
  std::string_view name() const override { return "reciprocal"; }
  template <class V>
  V eval(V x) const {
    using T = typename V::value_type;
    return V(T(1)) / x;
  }
  Slope slope(int, std::span<const Tensor>, Tensor y) const override { return -square(y); }
};

/// y = sqrt(x).  dy/dx = 1 / (2 y).
struct Sqrt final : Elementwise<Sqrt, 1> {
  std::string_view name() const override { return "sqrt"; }
  template <class V>
  V eval(V x) const {
    return sqrt(x);
  }
  Slope slope(int, std::span<const Tensor>, Tensor y) const override { return 0.5 * reciprocal(y); }
};

/// y = 1 / (2 sqrt(x)), and 0 at x = 0: the slope of safe_sqrt.  dy/dx = -y / (2 x), which is NaN
/// at x = 0, where sqrt has no second derivative.
struct SafeSqrtSlope final : Elementwise<SafeSqrtSlope, 1> {
  std::string_view name() const override { return "safe_sqrt_slope"; }
  template <class V>
  V eval(V x) const {
    using T = typename V::value_type;
    return select(x == V(T(0)), V(T(0)), V(T(0.5)) / sqrt(x));
  }
  Slope slope(int, std::span<const Tensor> x, Tensor y) const override { return -0.5 * (y / x[0]); }
  double flops_per_element() const override { return 3; }
};

/// y = sqrt(x).  dy/dx = 1 / (2 y), and 0 at x = 0.
struct SafeSqrt final : Elementwise<SafeSqrt, 1> {
  /// True if x is a sum of squares, so that y^2 is x.
  bool of_squares;
  explicit SafeSqrt(bool squares) : of_squares(squares) {}
  std::string_view name() const override { return "safe_sqrt"; }
  std::string attributes() const override { return of_squares ? "of squares" : "of any number"; }
  template <class V>
  V eval(V x) const {
    return sqrt(x);
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override {
    return record<SafeSqrtSlope>({x[0]});
  }
};

/// y = 1/sqrt(x).  dy/dx = -y^3 / 2.
struct Rsqrt final : Elementwise<Rsqrt, 1> {
  std::string_view name() const override { return "rsqrt"; }
  template <class V>
  V eval(V x) const {
    using T = typename V::value_type;
    return V(T(1)) / sqrt(x);
  }
  Slope slope(int, std::span<const Tensor>, Tensor y) const override {
    return -0.5 * (y * square(y));
  }
  double flops_per_element() const override { return 2; }
};

/// y = x^p with p = exponent + rest. `rest` is the rounding error of the exponents p - 1, p - 2,
/// ..., which |ln x| would magnify.  dy/dx = p x^(p-1).
struct Pow final : Elementwise<Pow, 1> {
  double exponent, rest;
  explicit Pow(double p, double lost = 0) : exponent(p), rest(lost) {}
  std::string_view name() const override { return "pow"; }
  std::string attributes() const override {
    const std::string rounded = fmt::format("exponent {}", exponent);
    return rest == 0 ? rounded : rounded + fmt::format(" + {}", rest);
  }
  template <class V>
  V eval(V x) const {
    using T = typename V::value_type;
    // A power of 1/x. A power of x could overflow, and its reciprocal would then be 0 too early.
    if (std::abs(exponent) <= 4 && std::trunc(exponent) == exponent)
      return pow(exponent > 0 ? x : V(T(1)) / x, static_cast<int>(std::abs(exponent)));
    const T rounded = static_cast<T>(exponent);
    const double lost = std::isfinite(rounded) ? exponent - static_cast<double>(rounded) : 0;
    return kernel::pow(x, V(rounded), kernel::number<V>(lost + rest));
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override {
    const double less = exponent - 1, lost = rest + (exponent - (less + 1));
    return exponent * (lost == 0 ? twice::pow(x[0], less) : record(Pow(less, lost), {x[0]}));
  }
};

/// y = a^(b - less). The whole number `less` grows with each derivative; without it |ln a| would
/// magnify the rounding of b - 1.  dy/da = (b - less) a^(b - less - 1), dy/db = y ln a.
struct PowTensor final : Elementwise<PowTensor, 2> {
  double less;
  explicit PowTensor(double l = 0) : less(l) {}
  std::string_view name() const override { return "pow_tensor"; }
  std::string attributes() const override { return less == 0 ? "" : fmt::format("less {}", less); }
  template <class V>
  V eval(V a, V b) const {
    const V zero = kernel::number<V>(0);
    if (less == 0) return kernel::pow(a, b, zero);
    const V whole = kernel::number<V>(less), p = b - whole, back = p + whole;
    // The rounding error of p, from exact differences.
    const V lost = (b - back) + ((back - p) - whole);
    return kernel::pow(a, p, select(abs(lost) <= abs(p), lost, zero));
  }
  Slope slope(int slot, std::span<const Tensor> x, Tensor y) const override {
    const Tensor a = x[0], b = x[1], a_is_zero = 1 - nonzero(a), p = less == 0 ? b : b - less;
    // At a = 0 the masks replace infinity times 0 by its limit. Elsewhere they change nothing.
    if (slot == 1) return y * log(a + a_is_zero * greater_equal(p, full_like(p, 0)));
    return p * record(PowTensor(less + 1), {a, b + a_is_zero * (1 - nonzero(p))});
  }
  double flops_per_element() const override { return less == 0 ? 1 : 2; }
};

}  // namespace

Tensor known_square(Tensor x) {
  const Node& node = x.tape().node(x.index());
  const auto* root = dynamic_cast<const SafeSqrt*>(node.op.get());
  return root && root->of_squares ? x.tape().handle(x.tape().inputs_of(node)[0]) : Tensor{};
}

Tensor square(Tensor x) {
  tape_of("square", {x});
  const Tensor known = known_square(x);
  return known ? known : record<Square>({x});
}
Tensor reciprocal(Tensor x) { return record<Reciprocal>({x}); }
Tensor sqrt(Tensor x) { return record<Sqrt>({x}); }
Tensor rsqrt(Tensor x) { return record<Rsqrt>({x}); }

Tensor safe_sqrt(Tensor x) { return record(SafeSqrt(false), {x}); }

Tensor root_of_squares(Tensor x) {
  check_floats("root_of_squares", {x});
  return record(SafeSqrt(true), {x});
}

Tensor pow(Tensor x, double exponent) {
  check_floats("pow", {x});
  // Exact small powers end the chain of derivatives: the slope of x^0 is 0, not 0 x^-1.
  if (exponent == 0) return full_like(x, 1);
  if (exponent == 1) return x;
  if (exponent == 2) return square(x);
  return record(Pow(exponent), {x});
}

Tensor pow(Tensor a, Tensor b) {
  broadcast_together("pow", a, b);
  return record<PowTensor>({a, b});
}

bool is_square(const Op& op) { return dynamic_cast<const Square*>(&op) != nullptr; }

}  // namespace twice
