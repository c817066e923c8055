// Broadcasting and summation, each the adjoint of the other.
#include "autodiff/ops/broadcast.h"

#include "autodiff/kernels/reduce.h"
#include "autodiff/ops/algebra.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/inputs.h"
#include "autodiff/ops/linear.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/shape_ops.h"

namespace twice {

namespace {

/// True if `small` broadcasts to `large`.
bool broadcasts(const Shape& small, const Shape& large) {
  const int lead = large.rank() - small.rank();
  if (lead < 0) return false;
  for (int axis = 0; axis < small.rank(); ++axis)
    if (small[axis] != 1 && small[axis] != large[axis + lead]) return false;
  return true;
}

/// y = x repeated along axes of size 1 and along new leading axes.  Adjoint: sum_to.
struct BroadcastTo final : LinearOp {
  Shape target;
  explicit BroadcastTo(const Shape& shape) : target(shape) {}
  std::string_view name() const override { return "broadcast_to"; }
  std::string attributes() const override { return str(target); }
  Spec infer(Specs x) const override {
    if (std::any_of(target.begin(), target.end(), [](Index size) { return size < 0; }))
      fail(name(), "shape {} has a negative size", str(target));
    if (!broadcasts(x[0].shape, target))
      fail(name(), "shape {} does not broadcast to {}: each axis must be equal or 1",
           str(x[0].shape), str(target));
    return {target, x[0].dtype};
  }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    copy(x[0].broadcast(target), y);
  }
  Tensor adjoint(std::span<const Tensor> x, Tensor g) const override {
    return sum_to(g, x[0].shape());
  }
  Tensor apply(std::span<const Tensor>, Tensor t) const override { return broadcast_to(t, target); }
};

/// y = x summed over the axes that broadcasting y to x's shape would repeat.  Adjoint:
/// broadcast_to.
struct SumTo final : LinearOp {
  Shape target;
  explicit SumTo(const Shape& shape) : target(shape) {}
  std::string_view name() const override { return "sum_to"; }
  std::string attributes() const override { return str(target); }
  Spec infer(Specs x) const override {
    check_floats(name(), x);
    if (!broadcasts(target, x[0].shape))
      fail(name(), "shape {} does not sum to {}: each axis must be equal or 1", str(x[0].shape),
           str(target));
    return {target, x[0].dtype};
  }
  void run(const Inputs& x, const Array& y, std::byte*) const override { kernel::sum_to(x[0], y); }
  Cost cost(Specs x, const Spec& y) const override {
    Cost cost = Op::cost(x, y);
    cost.flops = static_cast<double>(x[0].shape.elements());
    return cost;
  }
  Tensor adjoint(std::span<const Tensor> x, Tensor g) const override {
    return broadcast_to(g, x[0].shape());
  }
  Tensor apply(std::span<const Tensor>, Tensor t) const override { return sum_to(t, target); }
};

}  // namespace

Tensor broadcast_to(Tensor x, const Shape& shape) {
  tape_of("broadcast_to", {x});
  return x.shape() == shape ? x : record(BroadcastTo(shape), {x});
}

Tensor sum_to(Tensor x, const Shape& shape) {
  check_floats("sum_to", {x});
  return x.shape() == shape ? x : record(SumTo(shape), {x});
}

namespace {

Tensor sum_over(const char* who, Tensor x, const Shape& axes, bool keepdims) {
  check_floats(who, {x});
  const Tensor total = sum_to(x, reduced_shape(who, x.shape(), axes, true));
  return reshape(total, reduced_shape(who, x.shape(), axes, keepdims));
}

}  // namespace

Tensor sum(Tensor x, const Shape& axes, bool keepdims) {
  return sum_over("sum", x, axes, keepdims);
}

Tensor mean(Tensor x, const Shape& axes, bool keepdims) {
  const Tensor total = sum_over("mean", x, axes, keepdims);
  return total * (static_cast<double>(total.shape().elements()) /
                  static_cast<double>(x.shape().elements()));
}

Tensor norm(Tensor x, const Shape& axes, bool keepdims) {
  check_floats("norm", {x});
  return root_of_squares(sum_over("norm", square(x), axes, keepdims));
}

void broadcast_together(const char* who, Tensor& a, Tensor& b) {
  check_floats(who, {a, b});
  const Shape sa = a.shape(), sb = b.shape();
  if (sa == sb) return;
  const int rank = std::max(sa.rank(), sb.rank());
  Shape common;
  for (int axis = 0; axis < rank; ++axis) {
    const int in_a = axis - (rank - sa.rank()), in_b = axis - (rank - sb.rank());
    const Index size_a = in_a < 0 ? 1 : sa[in_a], size_b = in_b < 0 ? 1 : sb[in_b];
    if (size_a != size_b && size_a != 1 && size_b != 1)
      fail(who, "shapes do not broadcast: {} and {}; each axis must be equal or 1", str(sa),
           str(sb));
    common.push_back(size_a == 1 ? size_b : size_a);
  }
  a = broadcast_to(a, common);
  b = broadcast_to(b, common);
}

Tensor full_like(Tensor x, double value) {
  Tape& tape = tape_of("full_like", {x});
  // A copy, because recording the constant may move the tape's nodes and with them x's shape.
  const Shape shape = x.shape();
  return broadcast_to(tape.constant(value, x.dtype()), shape);
}

bool is_broadcast(const Op& op) { return dynamic_cast<const BroadcastTo*>(&op) != nullptr; }
bool is_sum(const Op& op) { return dynamic_cast<const SumTo*>(&op) != nullptr; }
std::shared_ptr<const Op> broadcast_op(const Shape& shape) {
  return std::make_shared<const BroadcastTo>(shape);
}
std::shared_ptr<const Op> sum_op(const Shape& shape) {
  return std::make_shared<const SumTo>(shape);
}

}  // namespace twice
