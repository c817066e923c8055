// Softmax, log-softmax and logsumexp, as General ops.
#include "autodiff/ops/softmax.h"

#include "autodiff/kernels/softmax.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/exponential.h"
#include "autodiff/ops/index.h"
#include "autodiff/ops/inputs.h"
#include "autodiff/ops/shape_ops.h"

namespace twice {

namespace {

Spec infer_rows(std::string_view who, const Spec& x) {
  check_floats(who, Specs(&x, 1));
  if (x.shape.rank() == 0) fail(who, "a scalar has no axis");
  return x;
}

/// `a_number` FLOPs for each number, and `a_row` for each row.
Cost rows_cost(Cost cost, const Shape& x, double a_number, double a_row) {
  const Index rows = reduced_shape("softmax", x, {-1}, false).elements();
  cost.flops = a_number * static_cast<double>(x.elements()) + a_row * static_cast<double>(rows);
  return cost;
}

Tensor sum_last(Tensor x) { return sum(x, {-1}, true); }

/// z = y (v - sum(y v)) along the last axis, for y = softmax(x): J v, accurate even where an
/// element of y is near 1. With respect to v: J' = J. With respect to y, for the same shifted
/// v: J' g = g (v - sum(y v)) - v sum(y g).
struct SoftmaxProduct final : Op {
  std::string_view name() const override { return "softmax_product"; }
  int input_count() const override { return 2; }
  Spec infer(Specs x) const override {
    const Spec y = infer_rows(name(), x[0]);
    if (!(x[1].shape == y.shape) || x[1].dtype != y.dtype)
      fail(name(), "operands differ: {} and {}", str(y), str(x[1]));
    return y;
  }
  void run(const Inputs& x, const Array& z, std::byte*) const override {
    kernel::softmax_product_rows(x[0], x[1], z);
  }
  Cost cost(Specs x, const Spec& z) const override {
    // For each number: maximum y, shift of v, product, sum, difference, product.
    return rows_cost(Op::cost(x, z), x[0].shape, 6, 0);
  }
  Tensor vjp(int slot, std::span<const Tensor> x, Tensor, Tensor g) const override {
    const Tensor y = x[0], v = x[1];
    if (slot == 1) return record<SoftmaxProduct>({y, g});
    return g * (v - sum_last(y * v)) - v * sum_last(y * g);
  }
  Tensor jvp(int slot, std::span<const Tensor> x, Tensor, Tensor t) const override {
    const Tensor y = x[0], v = x[1];
    if (slot == 1) return record<SoftmaxProduct>({y, t});
    return t * (v - sum_last(y * v)) - y * sum_last(t * v);
  }
};

/// y = e^x / sum e^x along the last axis.  J v = y (v - sum(y v)), for the vjp and the jvp.
struct Softmax final : Op {
  std::string_view name() const override { return "softmax"; }
  int input_count() const override { return 1; }
  Spec infer(Specs x) const override { return infer_rows(name(), x[0]); }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    kernel::softmax_rows(x[0], y);
  }
  Cost cost(Specs x, const Spec& y) const override {
    // For each number: maximum, shift, exponential, sum, division.
    return rows_cost(Op::cost(x, y), x[0].shape, 5, 0);
  }
  Tensor vjp(int, std::span<const Tensor>, Tensor y, Tensor g) const override {
    return softmax_jacobian(y, g);
  }
  Tensor jvp(int, std::span<const Tensor>, Tensor y, Tensor t) const override {
    return softmax_jacobian(y, t);
  }
};

/// y = x - ln sum e^x along the last axis.  J t = t - sum(e^y t), J' g = g - e^y sum(g). If e^y_m
/// is near 1, where y_m is the largest y, both formulas cancel at m. Therefore J is applied to
/// t - t_m, which has the same result. (J' g)_m is computed as minus the sum of the other entries
/// of J' g, because all of them add up to 0.
struct LogSoftmax final : Op {
  std::string_view name() const override { return "log_softmax"; }
  int input_count() const override { return 1; }
  Spec infer(Specs x) const override { return infer_rows(name(), x[0]); }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    kernel::log_softmax_rows(x[0], y);
  }
  Cost cost(Specs x, const Spec& y) const override {
    // For each number: maximum, shift, exponential, sum, two differences. For each row: a
    // logarithm.
    return rows_cost(Op::cost(x, y), x[0].shape, 6, 1);
  }
  Tensor vjp(int, std::span<const Tensor>, Tensor y, Tensor g) const override {
    const Tensor largest = at_largest(y), others = (g - exp(y) * sum_last(g)) * (1 - largest);
    return others - largest * sum_last(others);
  }
  Tensor jvp(int, std::span<const Tensor>, Tensor y, Tensor t) const override {
    const Tensor moved = t - sum_last(at_largest(y) * t);
    return moved - sum_last(exp(y) * moved);
  }

 private:
  /// 1 at the largest number of each row, otherwise 0.
  static Tensor at_largest(Tensor y) {
    if (y.size(-1) == 0) return y;  // the rows are empty
    return one_hot(argmax(y, -1), y.size(-1), y.dtype());
  }
};

/// y = ln sum e^x over the last axis, which is removed.  J' g = softmax(x) g, J t = sum(softmax(x)
/// t).
struct LogSumExp final : Op {
  std::string_view name() const override { return "logsumexp"; }
  int input_count() const override { return 1; }
  Spec infer(Specs x) const override {
    Spec y = infer_rows(name(), x[0]);
    y.shape = reduced_shape("logsumexp", y.shape, {-1}, false);
    return y;
  }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    kernel::logsumexp_rows(x[0], y);
  }
  Cost cost(Specs x, const Spec& y) const override {
    // For each number: maximum, shift, exponential, sum. For each row: logarithm, adding the
    // maximum.
    return rows_cost(Op::cost(x, y), x[0].shape, 4, 2);
  }
  Tensor vjp(int, std::span<const Tensor> x, Tensor, Tensor g) const override {
    return softmax(x[0]) * reshape(g, reduced_shape("logsumexp", x[0].shape(), {-1}, true));
  }
  Tensor jvp(int, std::span<const Tensor> x, Tensor, Tensor t) const override {
    return sum(softmax(x[0]) * t, {-1});
  }
};

template <class OpType>
Tensor along(const char* who, Tensor x, int axis) {
  check_floats(who, {x});
  const int at = normalized_axis(who, axis, x.rank());
  return transpose(record<OpType>({transpose(x, at, -1)}), at, -1);
}

}  // namespace

Tensor softmax(Tensor x, int axis) { return along<Softmax>("softmax", x, axis); }
Tensor softmax_jacobian(Tensor y, Tensor v) { return record<SoftmaxProduct>({y, v}); }
Tensor log_softmax(Tensor x, int axis) { return along<LogSoftmax>("log_softmax", x, axis); }
Tensor logsumexp(Tensor x, const Shape& axes, bool keepdims) {
  check_floats("logsumexp", {x});
  return reshape(record<LogSumExp>({as_rows("logsumexp", x, axes)}),
                 reduced_shape("logsumexp", x.shape(), axes, keepdims));
}

}  // namespace twice
