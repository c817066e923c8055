// Comparisons, and functions that select by them.
#include "autodiff/ops/compare.h"

#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/elementwise.h"
#include "autodiff/ops/inputs.h"

namespace twice {

namespace {

template <class V, class Condition>
V mask_of(const Condition& condition) {
  using T = typename V::value_type;
  return select(condition, V(T(1)), V(T(0)));
}

/// y = x where mask != 0, otherwise 0.  dy/dx = [mask != 0], dy/dmask = 0.
struct Masked final : Elementwise<Masked, 2> {
  std::string_view name() const override { return "masked"; }
  bool is_cheap() const override { return true; }
  template <class V>
  V eval(V x, V mask) const {
    using T = typename V::value_type;
    return select(mask == V(T(0)), V(T(0)), x);
  }
  Slope slope(int slot, std::span<const Tensor> x, Tensor) const override {
    return slot == 0 ? Slope::where(x[1]) : 0;
  }
};

/// y = |x|.  dy/dx = sign x.
struct Abs final : Elementwise<Abs, 1> {
  std::string_view name() const override { return "abs"; }
  bool is_cheap() const override { return true; }
  template <class V>
  V eval(V x) const {
    return abs(x);
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override {
    return Slope::where(x[0], twice::sign(x[0]));
  }
};

/// y = [x > 0] - [x < 0].  dy/dx = 0.
struct Sign final : Elementwise<Sign, 1> {
  std::string_view name() const override { return "sign"; }
  bool is_cheap() const override { return true; }
  template <class V>
  V eval(V x) const {
    using T = typename V::value_type;
    // If x is neither above nor below 0, then x is 0 or NaN, and y = x.
    return select(x > V(T(0)), V(T(1)), select(x < V(T(0)), V(T(-1)), x));
  }
  Slope slope(int, std::span<const Tensor>, Tensor) const override { return 0; }
  double flops_per_element() const override { return 2; }
};

/// y = [a > b].  dy = 0.
struct Greater final : Elementwise<Greater, 2> {
  std::string_view name() const override { return "greater"; }
  bool is_cheap() const override { return true; }
  template <class V>
  V eval(V a, V b) const {
    return mask_of<V>(a > b);
  }
  Slope slope(int, std::span<const Tensor>, Tensor) const override { return 0; }
};

/// y = [a >= b].  dy = 0.
struct GreaterEqual final : Elementwise<GreaterEqual, 2> {
  std::string_view name() const override { return "greater_equal"; }
  bool is_cheap() const override { return true; }
  template <class V>
  V eval(V a, V b) const {
    return mask_of<V>(a >= b);
  }
  Slope slope(int, std::span<const Tensor>, Tensor) const override { return 0; }
};

/// y = [a = b].  dy = 0.
struct Equal final : Elementwise<Equal, 2> {
  std::string_view name() const override { return "equal"; }
  bool is_cheap() const override { return true; }
  template <class V>
  V eval(V a, V b) const {
    return mask_of<V>(a == b);
  }
  Slope slope(int, std::span<const Tensor>, Tensor) const override { return 0; }
};

/// y = [x != 0].  dy/dx = 0.
struct Nonzero final : Elementwise<Nonzero, 1> {
  std::string_view name() const override { return "nonzero"; }
  bool is_cheap() const override { return true; }
  template <class V>
  V eval(V x) const {
    using T = typename V::value_type;
    return select(x == V(T(0)), V(T(0)), V(T(1)));
  }
  Slope slope(int, std::span<const Tensor>, Tensor) const override { return 0; }
};

/// The derivative of maximum and minimum with respect to a or b: 0 where the other one is chosen,
/// 1/2 at a tie, otherwise 1. If a or b is NaN, both derivatives are 1.
Slope slope_unless(Tensor other_is_chosen, Tensor a, Tensor b) {
  return Slope::where(1 - other_is_chosen, affine(twice::equal(a, b), -0.5, 1));
}

/// y = max(a, b).  dy/da = [a > b] + [a = b]/2, dy/db = [b > a] + [a = b]/2.
struct Maximum final : Elementwise<Maximum, 2> {
  std::string_view name() const override { return "maximum"; }
  bool is_cheap() const override { return true; }
  template <class V>
  V eval(V a, V b) const {
    // If a or b is NaN, so is the sum.
    return select(a >= b, a, select(b > a, b, a + b));
  }
  Slope slope(int slot, std::span<const Tensor> x, Tensor) const override {
    return slope_unless(slot == 0 ? twice::greater(x[1], x[0]) : twice::greater(x[0], x[1]), x[0],
                        x[1]);
  }
};

/// y = min(a, b).  dy/da = [a < b] + [a = b]/2, dy/db = [b < a] + [a = b]/2.
struct Minimum final : Elementwise<Minimum, 2> {
  std::string_view name() const override { return "minimum"; }
  bool is_cheap() const override { return true; }
  template <class V>
  V eval(V a, V b) const {
    return select(a <= b, a, select(b < a, b, a + b));
  }
  Slope slope(int slot, std::span<const Tensor> x, Tensor) const override {
    return slope_unless(slot == 0 ? twice::greater(x[0], x[1]) : twice::greater(x[1], x[0]), x[0],
                        x[1]);
  }
};

/// y = [low <= x <= high].  dy/dx = 0.
struct Inside final : Elementwise<Inside, 1> {
  double low, high;
  Inside(double a, double b) : low(a), high(b) {}
  std::string_view name() const override { return "inside"; }
  bool is_cheap() const override { return true; }
  std::string attributes() const override { return fmt::format("[{}, {}]", low, high); }
  template <class V>
  V eval(V x) const {
    using T = typename V::value_type;
    return mask_of<V>(x >= V(static_cast<T>(low)) && x <= V(static_cast<T>(high)));
  }
  Slope slope(int, std::span<const Tensor>, Tensor) const override { return 0; }
  double flops_per_element() const override { return 2; }
};

/// y = min(max(x, low), high).  dy/dx = [low <= x <= high].
struct Clamp final : Elementwise<Clamp, 1> {
  double low, high;
  Clamp(double a, double b) : low(a), high(b) {}
  std::string_view name() const override { return "clamp"; }
  bool is_cheap() const override { return true; }
  std::string attributes() const override { return fmt::format("[{}, {}]", low, high); }
  template <class V>
  V eval(V x) const {
    using T = typename V::value_type;
    const V least(static_cast<T>(low)), most(static_cast<T>(high));
    return select(x < least, least, select(x > most, most, x));
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override {
    return Slope::where(record(Inside(low, high), {x[0]}));
  }
  double flops_per_element() const override { return 2; }
};

/// y = a where mask != 0, otherwise b.  dy/da = [mask != 0], dy/db = [mask = 0], dy/dmask = 0.
struct Where final : Elementwise<Where, 3> {
  std::string_view name() const override { return "where"; }
  bool is_cheap() const override { return true; }
  template <class V>
  V eval(V mask, V a, V b) const {
    using T = typename V::value_type;
    return select(mask == V(T(0)), b, a);
  }
  Slope slope(int slot, std::span<const Tensor> x, Tensor) const override {
    if (slot == 0) return 0;
    return Slope::where(slot == 1 ? x[0] : 1 - nonzero(x[0]));
  }
};

}  // namespace

Tensor masked(Tensor x, Tensor mask) { return record_together<Masked>("masked", x, mask); }
Tensor abs(Tensor x) { return record<Abs>({x}); }
Tensor sign(Tensor x) { return record<Sign>({x}); }
Tensor greater(Tensor a, Tensor b) { return record_together<Greater>("greater", a, b); }
Tensor greater_equal(Tensor a, Tensor b) {
  return record_together<GreaterEqual>("greater_equal", a, b);
}
Tensor equal(Tensor a, Tensor b) { return record_together<Equal>("equal", a, b); }
Tensor nonzero(Tensor x) { return record<Nonzero>({x}); }
Tensor maximum(Tensor a, Tensor b) { return record_together<Maximum>("maximum", a, b); }
Tensor minimum(Tensor a, Tensor b) { return record_together<Minimum>("minimum", a, b); }

Tensor clamp(Tensor x, double low, double high) {
  if (!(low <= high)) fail("clamp", "needs low <= high, was given [{}, {}]", low, high);
  return record(Clamp(low, high), {x});
}

Tensor where(Tensor mask, Tensor a, Tensor b) {
  check_floats("where", {mask, a, b});
  // Broadcasting two tensors at a time gives all three the common shape.
  broadcast_together("where", a, b);
  broadcast_together("where", mask, a);
  broadcast_together("where", mask, b);
  return record<Where>({mask, a, b});
}

}  // namespace twice
