#include "autodiff/ops/shape_ops.h"

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

/// y = x.  dy/dx = 0 by decree.
struct StopGradient final : Op {
  std::string_view name() const override { return "stop_gradient"; }
  Spec infer(Specs x) const override { return x[0]; }
  void run(const Inputs& x, const Array& y, std::byte*) const override { copy(x[0], y); }
  Cost cost(Specs, const Spec&) const override { return {}; }
  Tensor vjp(int, std::span<const Tensor>, Tensor, Tensor) const override { return {}; }
  Tensor jvp(int, std::span<const Tensor>, Tensor, Tensor) const override { return {}; }
  bool is_view() const override { return true; }
};

}  // namespace

Tensor reshape(Tensor x, const Shape& shape) {
  Shape target = shape;
  Index known = 1;
  int inferred = -1;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] >= 0) {
      known *= shape[axis];
    } else if (shape[axis] == -1 && inferred < 0) {
      inferred = axis;
    } else {
      fail("reshape", "shape {} must have sizes >= 0, and -1 at most once", str(shape));
    }
  }
  if (inferred >= 0) {
    if (known == 0 || x.shape().elements() % known != 0)
      fail("reshape", "{} elements of shape {} do not divide into {}", x.shape().elements(),
           str(x.shape()), str(shape));
    target[inferred] = x.shape().elements() / known;
  }
  return x.shape() == target ? x : record(Reshape(target), {x});
}

Tensor stop_gradient(Tensor x) { return record<StopGradient>({x}); }

}  // namespace twice
