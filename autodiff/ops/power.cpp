#include "autodiff/ops/power.h"

#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/elementwise.h"

namespace twice {

namespace {

/// y = x^2.  dy/dx = 2 x.
struct Square final : Elementwise<Square, 1> {
  std::string_view name() const override { return "square"; }
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
  Slope slope(int, std::span<const Tensor>, Tensor y) const override {
    return 0.5 * reciprocal(y);
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
};

/// y = x^p.  dy/dx = p x^(p-1).
struct Pow final : Elementwise<Pow, 1> {
  double exponent;
  explicit Pow(double p) : exponent(p) {}
  std::string_view name() const override { return "pow"; }
  std::string attributes() const override { return fmt::format("exponent {}", exponent); }
  template <class V>
  V eval(V x) const {
    using T = typename V::value_type;
    return pow(x, V(static_cast<T>(exponent)));
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override {
    return exponent * twice::pow(x[0], exponent - 1);
  }
};

}  // namespace

Tensor square(Tensor x) { return record<Square>({x}); }
Tensor reciprocal(Tensor x) { return record<Reciprocal>({x}); }
Tensor sqrt(Tensor x) { return record<Sqrt>({x}); }
Tensor rsqrt(Tensor x) { return record<Rsqrt>({x}); }

Tensor pow(Tensor x, double exponent) {
  // Exact small powers end the chain of derivatives: x^0 has slope 0, not 0 x^-1.
  if (exponent == 0) return affine(x, 0, 1);
  if (exponent == 1) return x;
  if (exponent == 2) return square(x);
  return record(Pow(exponent), {x});
}

}  // namespace twice
