// Sums, products and affine functions, each with its equation and its slopes.
#include "autodiff/ops/arithmetic.h"

#include <cmath>
#include <limits>

#include "autodiff/ops/algebra.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/elementwise.h"
#include "autodiff/ops/inputs.h"
#include "autodiff/ops/power.h"

namespace twice {

namespace {

/// y = a + b.  dy/da = 1, dy/db = 1.
struct Add final : Elementwise<Add, 2> {
  std::string_view name() const override { return "add"; }
  bool is_cheap() const override { return true; }
  template <class V>
  V eval(V a, V b) const {
    return a + b;
  }
  Slope slope(int, std::span<const Tensor>, Tensor) const override { return 1; }
};

/// y = a - b.  dy/da = 1, dy/db = -1.
struct Sub final : Elementwise<Sub, 2> {
  std::string_view name() const override { return "sub"; }
  bool is_cheap() const override { return true; }
  template <class V>
  V eval(V a, V b) const {
    return a - b;
  }
  Slope slope(int slot, std::span<const Tensor>, Tensor) const override {
    return slot == 0 ? 1 : -1;
  }
};

/// y = a b.  dy/da = b, dy/db = a.
struct Mul final : Elementwise<Mul, 2> {
  std::string_view name() const override { return "mul"; }
  bool is_cheap() const override { return true; }
  template <class V>
  V eval(V a, V b) const {
    return a * b;
  }
  Slope slope(int slot, std::span<const Tensor> x, Tensor) const override {
    return slot == 0 ? x[1] : x[0];
  }
};

/// y = a / b.  dy/da = 1/b, dy/db = -y/b.
struct Div final : Elementwise<Div, 2> {
  std::string_view name() const override { return "div"; }
  template <class V>
  V eval(V a, V b) const {
    return a / b;
  }
  Slope slope(int slot, std::span<const Tensor> x, Tensor y) const override {
    return slot == 0 ? reciprocal(x[1]) : -(y / x[1]);
  }
};

/// y = scale x + shift.  dy/dx = scale.
struct Affine final : Elementwise<Affine, 1> {
  double scale, shift;
  Affine(double a, double b) : scale(a), shift(b) {}
  std::string_view name() const override { return "affine"; }
  bool is_cheap() const override { return true; }
  std::string attributes() const override { return fmt::format("{} x + {}", scale, shift); }
  template <class V>
  V eval(V x) const {
    using T = typename V::value_type;
    // Adding a shift of 0 would turn -0 into +0.
    const V scaled = V(static_cast<T>(scale)) * x;
    return shift == 0 ? scaled : scaled + V(static_cast<T>(shift));
  }
  Slope slope(int, std::span<const Tensor>, Tensor) const override { return scale; }
  double flops_per_element() const override { return 2; }
};

}  // namespace

Tensor operator+(Tensor a, Tensor b) { return record_together<Add>("add", a, b); }
Tensor operator-(Tensor a, Tensor b) { return record_together<Sub>("sub", a, b); }
Tensor operator*(Tensor a, Tensor b) {
  broadcast_together("mul", a, b);
  const Tensor known = a == b ? known_square(a) : Tensor{};
  return known ? known : record<Mul>({a, b});
}
Tensor operator/(Tensor a, Tensor b) { return record_together<Div>("div", a, b); }
Tensor operator/(double c, Tensor x) { return c * reciprocal(x); }

Tensor operator/(Tensor x, double c) {
  if (std::isnormal(1 / c) || !std::isfinite(c) || c == 0) return affine(x, 1 / c, 0);
  // 1/c is denormal or infinite here. A power of two moves c back into the middle of the range.
  const double shift = std::abs(c) < 1 ? 0x1p200 : 0x1p-200;
  return affine(affine(x, shift, 0), 1 / (c * shift), 0);
}

Tensor affine(Tensor x, double scale, double shift) {
  check_floats("affine", {x});
  if (std::isfinite(scale) && scale != 0) {
    const bool f32 = x.dtype() == DType::f32;
    const double least = f32 ? std::numeric_limits<float>::min() : 0,
                 most =
                     f32 ? std::numeric_limits<float>::max() : std::numeric_limits<double>::max();
    const double step = std::abs(scale) < 1 ? 0x1p-100 : 0x1p100;
    // The size of the product only grows or only shrinks from step to step. The product leaves the
    // range only if the result does.
    while (std::abs(scale) < least || std::abs(scale) > most) {
      x = record(Affine(step, 0), {x});
      scale /= step;
    }
  }
  return record(Affine(scale, shift), {x});
}

std::optional<ScaleShift> as_affine(const Op& op) {
  const auto* affine = dynamic_cast<const Affine*>(&op);
  return affine ? std::optional(ScaleShift{affine->scale, affine->shift}) : std::nullopt;
}

std::shared_ptr<const Op> affine_op(ScaleShift constants) {
  return std::make_shared<const Affine>(constants.scale, constants.shift);
}

Arithmetic arithmetic_of(const Op& op) {
  if (dynamic_cast<const Add*>(&op)) return Arithmetic::add;
  if (dynamic_cast<const Sub*>(&op)) return Arithmetic::sub;
  if (dynamic_cast<const Mul*>(&op)) return Arithmetic::mul;
  return is_square(op) ? Arithmetic::square : Arithmetic::other;
}

std::shared_ptr<const Op> arithmetic_op(Arithmetic kind) {
  if (kind == Arithmetic::add) return std::make_shared<const Add>();
  if (kind == Arithmetic::sub) return std::make_shared<const Sub>();
  if (kind == Arithmetic::mul) return std::make_shared<const Mul>();
  fail("planner", "only add, sub and mul can be made here");
}

}  // namespace twice
