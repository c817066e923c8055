// Exponentials, logarithms and erf, each with its equation and its slope.
#include "autodiff/ops/exponential.h"

#include <numbers>

#include "autodiff/kernels/elementary.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/elementwise.h"
#include "autodiff/ops/power.h"

namespace twice {

namespace {

/// y = e^x.  dy/dx = y.
struct Exp final : Elementwise<Exp, 1> {
  std::string_view name() const override { return "exp"; }
  template <class V>
  V eval(V x) const {
    return kernel::exp(x);
  }
  Slope slope(int, std::span<const Tensor>, Tensor y) const override { return y; }
};

/// y = e^x - 1.  dy/dx = e^x, not computed as y + 1, which cancels for y near -1.
struct Expm1 final : Elementwise<Expm1, 1> {
  std::string_view name() const override { return "expm1"; }
  template <class V>
  V eval(V x) const {
    return kernel::expm1(x);
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override { return twice::exp(x[0]); }
};

/// y = ln x.  dy/dx = 1/x.
struct Log final : Elementwise<Log, 1> {
  std::string_view name() const override { return "log"; }
  template <class V>
  V eval(V x) const {
    return kernel::log(x);
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override { return reciprocal(x[0]); }
};

/// y = ln(1 + x).  dy/dx = 1/(1 + x).
struct Log1p final : Elementwise<Log1p, 1> {
  std::string_view name() const override { return "log1p"; }
  template <class V>
  V eval(V x) const {
    return kernel::log1p(x);
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override {
    return reciprocal(x[0] + 1);
  }
};

/// y = erf x.  dy/dx = 2/sqrt(pi) e^(-x^2).
struct Erf final : Elementwise<Erf, 1> {
  std::string_view name() const override { return "erf"; }
  template <class V>
  V eval(V x) const {
    return kernel::erf(x);
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override {
    // Not square(x): its slope 2 x could overflow.
    return 2 * std::numbers::inv_sqrtpi * twice::exp(-(x[0] * x[0]));
  }
};

/// y = phi(x) = e^(-x^2/2) / sqrt(2 pi).  dy/dx = -x y.
struct NormalPdf final : Elementwise<NormalPdf, 1> {
  std::string_view name() const override { return "normal_pdf"; }
  template <class V>
  V eval(V x) const {
    return kernel::normal_pdf(x);
  }
  // x times y, not x^2 times e^(-x^2/2): no power of a large x overflows before y becomes 0.
  Slope slope(int, std::span<const Tensor> x, Tensor y) const override { return -(x[0] * y); }
  double flops_per_element() const override { return 4; }
};

/// y = Phi(x) = erfc(-x/sqrt 2) / 2.  dy/dx = phi(x).
struct NormalCdf final : Elementwise<NormalCdf, 1> {
  std::string_view name() const override { return "normal_cdf"; }
  template <class V>
  V eval(V x) const {
    return kernel::normal_cdf(x);
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override { return normal_pdf(x[0]); }
  double flops_per_element() const override { return 3; }
};

}  // namespace

Tensor exp(Tensor x) { return record<Exp>({x}); }
Tensor expm1(Tensor x) { return record<Expm1>({x}); }
Tensor log(Tensor x) { return record<Log>({x}); }
Tensor log1p(Tensor x) { return record<Log1p>({x}); }
Tensor erf(Tensor x) { return record<Erf>({x}); }
Tensor normal_pdf(Tensor x) { return record<NormalPdf>({x}); }
Tensor normal_cdf(Tensor x) { return record<NormalCdf>({x}); }

}  // namespace twice
