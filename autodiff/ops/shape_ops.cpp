#include "autodiff/ops/shape_ops.h"

#include "autodiff/ops/algebra.h"
#include "autodiff/ops/linear.h"

namespace twice {

namespace {

/// y = x under another shape.  Adjoint: reshape to x's shape.
struct Reshape final : LinearOp {
  Shape target;
  explicit Reshape(const Shape& shape) : target(shape) {}
  std::string_view name() const override { return "reshape"; }
  std::string attributes() const override { return str(target); }
  Spec infer(Specs x) const override {
    if (target.elements() != x[0].shape.elements())
      fail(name(), "shape {} has {} elements, {} has {}", str(x[0].shape), x[0].shape.elements(),
           str(target), target.elements());
    return {target, x[0].dtype};
  }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    copy(x[0].reshaped(target), y);
  }
  Cost cost(Specs, const Spec&) const override { return {}; }
  Tensor adjoint(std::span<const Tensor> x, Tensor g) const override {
    return reshape(g, x[0].shape());
  }
  Tensor apply(std::span<const Tensor>, Tensor t) const override { return reshape(t, target); }
  bool is_view() const override { return true; }
};

Shape inverse(const Shape& axes) {
  Shape result = axes;
  for (int i = 0; i < axes.rank(); ++i) result[static_cast<int>(axes[i])] = i;
  return result;
}

/// y = x with its axes in another order.  Adjoint: permute by the inverse order.
struct Permute final : LinearOp {
  Shape axes;
  explicit Permute(const Shape& order) : axes(order) {}
  std::string_view name() const override { return "permute"; }
  std::string attributes() const override { return str(axes); }
  Spec infer(Specs x) const override {
    Shape shape;
    for (Index axis : axes) shape.push_back(x[0].shape[static_cast<int>(axis)]);
    return {shape, x[0].dtype};
  }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    copy(x[0].permuted(axes), y);
  }
  Tensor adjoint(std::span<const Tensor>, Tensor g) const override {
    return permute(g, inverse(axes));
  }
  Tensor apply(std::span<const Tensor>, Tensor t) const override { return permute(t, axes); }
};

/// y = x.  dy/dx = 0 by definition.
struct StopGradient final : Op {
  std::string_view name() const override { return "stop_gradient"; }
  int input_count() const override { return 1; }
  Spec infer(Specs x) const override { return x[0]; }
  void run(const Inputs& x, const Array& y, std::byte*) const override { copy(x[0], y); }
  Cost cost(Specs, const Spec&) const override { return {}; }
  Tensor vjp(int, std::span<const Tensor>, Tensor, Tensor) const override { return {}; }
  Tensor jvp(int, std::span<const Tensor>, Tensor, Tensor) const override { return {}; }
  bool is_view() const override { return true; }
};

}  // namespace

Tensor reshape(Tensor x, const Shape& shape) {
  tape_of("reshape", {x});
  Shape target = shape, sizes;
  int inferred = -1;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] >= 0) {
      sizes.push_back(shape[axis]);
    } else if (shape[axis] == -1 && inferred < 0) {
      inferred = axis;
    } else {
      fail("reshape", "shape {} must have sizes >= 0, and -1 at most once", str(shape));
    }
  }
  if (inferred >= 0) {
    const Index known = sizes.elements();
    if (known == 0 || x.shape().elements() % known != 0)
      fail("reshape", "{} elements of shape {} do not divide into {}", x.shape().elements(),
           str(x.shape()), str(shape));
    target[inferred] = x.shape().elements() / known;
  }
  return x.shape() == target ? x : record(Reshape(target), {x});
}

Tensor permute(Tensor x, const Shape& axes) {
  tape_of("permute", {x});
  if (axes.rank() != x.rank())
    fail("permute", "{} axes were given for shape {}; each axis must be listed once", axes.rank(),
         str(x.shape()));
  Shape order, sorted;
  for (int i = 0; i < axes.rank(); ++i) {
    order.push_back(normalized_axis("permute", axes[i], x.rank()));
    sorted.push_back(i);
  }
  if (!std::is_permutation(order.begin(), order.end(), sorted.begin()))
    fail("permute", "axes {} do not list each axis of shape {} once", str(axes), str(x.shape()));
  return order == sorted ? x : record(Permute(order), {x});
}

Tensor transpose(Tensor x, int axis_a, int axis_b) {
  tape_of("transpose", {x});
  const int a = normalized_axis("transpose", axis_a, x.rank());
  const int b = normalized_axis("transpose", axis_b, x.rank());
  Shape axes;
  for (int axis = 0; axis < x.rank(); ++axis) axes.push_back(axis == a ? b : axis == b ? a : axis);
  return permute(x, axes);
}

Tensor stop_gradient(Tensor x) { return record<StopGradient>({x}); }

std::optional<Shape> as_permutation(const Op& op) {
  const auto* permutation = dynamic_cast<const Permute*>(&op);
  return permutation ? std::optional(permutation->axes) : std::nullopt;
}

std::shared_ptr<const Op> permute_op(const Shape& axes) {
  return std::make_shared<const Permute>(axes);
}

}  // namespace twice
