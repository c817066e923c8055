// The Trilinear family: three convolutions that share one trilinear form and one derivative rule.
#include "autodiff/ops/conv.h"

#include "autodiff/kernels/winograd.h"
#include "autodiff/ops/algebra.h"
#include "autodiff/ops/bilinear.h"
#include "autodiff/ops/window.h"

namespace twice {

namespace {

using Slot = kernel::ConvSlot;

constexpr std::size_t index(Slot slot) { return static_cast<std::size_t>(slot); }

/// The op with slot s open is the y = op_s(u, v) with <y, c> = T(..., c in slot s, ...) for every
/// c. The gradient of <y, c> with respect to u is therefore the op with u's slot open, applied to c
/// and v.
struct Conv2d final : BilinearOp, KernelForms {
  Slot open;
  ConvGeometry geometry;
  Shape open_shape;  // the shape of y; unused if the outputs are open
  // Only the planner makes sums. A sum adds `terms` convolutions with two inputs each and, if
  // `adds` is true, one more input T with y's shape.
  std::size_t terms = 1;
  bool adds = false;
  bool winograd = false;  // uses minimal filtering; only the planner sets it
  Conv2d(Slot s, const ConvGeometry& g, const Shape& shape)
      : open(s), geometry(g), open_shape(shape) {}

  std::string_view name() const override {
    constexpr std::string_view names[] = {"conv2d_input_grad", "conv2d_weight_grad", "conv2d"};
    return names[index(open)];
  }
  int input_count() const override { return static_cast<int>(2 * terms) + (adds ? 1 : 0); }
  std::string attributes() const override {
    return fmt::format("stride {} padding {} dilation {} groups {}{}{}{}{}", geometry.stride,
                       geometry.padding, geometry.dilation, geometry.groups,
                       open == Slot::outputs ? "" : " to " + str(open_shape),
                       terms == 1 ? "" : fmt::format(", sum of {}", terms), adds ? " + T" : "",
                       winograd ? ", winograd" : "");
  }

  Spec infer(Specs x) const override {
    if (!is_float(x[0].dtype) || x[0].dtype != x[1].dtype)
      fail(name(), "needs two inputs of dtype f32 or f64, was given {} and {}", str(x[0]),
           str(x[1]));
    const Forward f = forward(x);
    const Shape y = kernel::conv2d_shape(f.x, f.w, geometry, name());
    if (open == Slot::outputs) return {y, x[0].dtype};
    if (!(y == x[1].shape))
      fail(name(), "images {} and kernel {} have outputs of shape {}, but the cotangent is {}",
           str(f.x), str(f.w), str(y), str(x[1].shape));
    return {open_shape, x[0].dtype};
  }
  std::size_t workspace(Specs x, const Spec& y) const override {
    const Forward f = forward(x);
    if (winograd) return kernel::winograd_workspace(open, f.x, f.w, geometry, y.dtype, terms);
    switch (open) {
      case Slot::images:
        return kernel::conv2d_input_grad_workspace(f.x, f.w, geometry, y.dtype, terms);
      case Slot::kernel:
        return kernel::conv2d_weight_grad_workspace(f.x, f.w, geometry, y.dtype);
      case Slot::outputs:
        break;
    }
    return kernel::conv2d_workspace(f.x, f.w, geometry, y.dtype, terms);
  }
  void run(const Inputs& x, const Array& y, std::byte* workspace) const override {
    // The planner places y over T if it can; otherwise T is copied into y.
    if (adds && x[2 * terms].raw() != y.raw()) copy(x[2 * terms], y);
    std::array<kernel::ConvTerm, kernel::most_convolutions> inputs;
    for (std::size_t i = 0; i < terms; ++i) inputs[i] = {&x[2 * i], &x[2 * i + 1]};
    const std::span<const kernel::ConvTerm> sum(inputs.data(), terms);
    switch (open) {
      case Slot::images:
        return winograd ? kernel::winograd_conv2d_input_grad(sum, geometry, y, workspace, adds)
                        : kernel::conv2d_input_grad(sum, geometry, y, workspace, adds);
      case Slot::kernel:
        return winograd ? kernel::winograd_conv2d_weight_grad(sum, geometry, y, workspace)
                        : kernel::conv2d_weight_grad(sum, geometry, y, workspace);
      case Slot::outputs:
        return winograd ? kernel::winograd_conv2d(sum, geometry, y, workspace, adds)
                        : kernel::conv2d(sum, geometry, y, workspace, adds);
    }
  }
  bool may_overwrite(int slot) const override { return slot == static_cast<int>(2 * terms); }
  std::shared_ptr<const Op> adding() const override {
    if (open == Slot::kernel || adds) return nullptr;
    auto op = std::make_shared<Conv2d>(*this);
    op->adds = true;
    return op;
  }
  std::shared_ptr<const Op> summed_with(const Op& other, Specs x, Specs z) const override {
    const auto* same = dynamic_cast<const Conv2d*>(&other);
    if (!same || same->open != open || !(same->geometry == geometry) || adds || same->adds ||
        winograd || same->winograd || !(x[0] == z[0] && x[1] == z[1]) ||
        terms + same->terms > kernel::most_convolutions)
      return nullptr;
    auto op = std::make_shared<Conv2d>(*this);
    op->terms += same->terms;
    return op;
  }
  std::shared_ptr<const Op> with_fewer_multiplications(Specs x, const Spec& y) const override {
    const Forward f = forward(x);
    if (winograd || !kernel::winograd_pays(open, f.x, f.w, geometry, y.dtype, terms))
      return nullptr;
    auto op = std::make_shared<Conv2d>(*this);
    op->winograd = true;
    return op;
  }
  Cost cost(Specs x, const Spec& y) const override {
    const Forward f = forward(x);
    Cost cost = Op::cost(x, y);
    const auto count = static_cast<double>(terms);
    cost.flops = winograd
                     ? static_cast<double>(kernel::winograd_flops(open, f.x, f.w, geometry, terms))
                     : count * static_cast<double>(kernel::conv2d_flops(f.x, f.w, geometry));
    if (adds) cost.flops += static_cast<double>(y.shape.elements());
    if (open != Slot::images)
      cost.bytes -= count * bytes_skipped(x[0], kernel::conv2d_shape(f.x, f.w, geometry),
                                          {f.w[0], f.w[1], geometry.stride, geometry.padding,
                                           geometry.dilation});
    cost.products = static_cast<int>(terms);
    return cost;
  }

  Tensor apply(Tensor u, Tensor v) const override {
    return record(Conv2d(open, geometry, open_shape), {u, v});
  }
  Tensor adjoint(int slot, std::span<const Tensor> x, Tensor c) const override {
    const Slot target = slots()[static_cast<std::size_t>(slot)];
    std::array<Tensor, 3> filled;
    filled[index(slots()[0])] = x[0];
    filled[index(slots()[1])] = x[1];
    filled[index(open)] = c;
    const Conv2d op(target, geometry, x[static_cast<std::size_t>(slot)].shape());
    return record(op, {filled[index(op.slots()[0])], filled[index(op.slots()[1])]});
  }

 private:
  /// The slots that the two inputs fill.
  std::array<Slot, 2> slots() const {
    if (open == Slot::images) return {Slot::kernel, Slot::outputs};
    if (open == Slot::kernel) return {Slot::images, Slot::outputs};
    return {Slot::images, Slot::kernel};
  }
  /// The shapes of the forward convolution.
  struct Forward {
    const Shape &x, &w;
  };
  Forward forward(Specs x) const {
    return {open == Slot::images ? open_shape : x[0].shape, open == Slot::kernel   ? open_shape
                                                            : open == Slot::images ? x[0].shape
                                                                                   : x[1].shape};
  }
};

}  // namespace

Tensor conv2d(Tensor x, Tensor w, const ConvGeometry& geometry) {
  return record(Conv2d(Slot::outputs, geometry, {}), {x, w});
}
Tensor conv2d_input_grad(Tensor w, Tensor g, const ConvGeometry& geometry, const Shape& x_shape) {
  return record(Conv2d(Slot::images, geometry, x_shape), {w, g});
}
Tensor conv2d_weight_grad(Tensor x, Tensor g, const ConvGeometry& geometry, const Shape& w_shape) {
  return record(Conv2d(Slot::kernel, geometry, w_shape), {x, g});
}

}  // namespace twice
