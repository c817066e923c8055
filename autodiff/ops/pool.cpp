// Average pooling as a pair of adjoint ops, and max pooling by saved indices.
#include "autodiff/ops/pool.h"

#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/inputs.h"
#include "autodiff/ops/linear.h"
#include "autodiff/ops/window.h"

namespace twice {

namespace {

std::string text(const PoolGeometry& geometry) {
  return fmt::format("window {} stride {} padding {}", geometry.window, geometry.stride,
                     geometry.padding);
}

/// One FLOP for each cell of each window, plus `more` for each window.
double window_flops(const Shape& outputs, const PoolGeometry& geometry, Index more = 0) {
  return static_cast<double>(outputs.elements() * (geometry.window * geometry.window + more));
}

double bytes_skipped(const Spec& images, const Shape& outputs, const PoolGeometry& g) {
  return twice::bytes_skipped(images, outputs, {g.window, g.window, g.stride, g.padding});
}

/// y = the mean of each window.  Adjoint: average_pool2d_adjoint.
struct AveragePool final : LinearOp {
  PoolGeometry geometry;
  explicit AveragePool(const PoolGeometry& g) : geometry(g) {}
  std::string_view name() const override { return "average_pool2d"; }
  std::string attributes() const override { return text(geometry); }
  Spec infer(Specs x) const override {
    check_floats(name(), x);
    return {kernel::pool2d_shape(x[0].shape, geometry, name()), x[0].dtype};
  }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    kernel::average_pool(x[0], geometry, y);
  }
  Cost cost(Specs x, const Spec& y) const override {
    return {window_flops(y.shape, geometry, 1),
            Op::cost(x, y).bytes - bytes_skipped(x[0], y.shape, geometry)};
  }
  Tensor adjoint(std::span<const Tensor> x, Tensor g) const override {
    return average_pool2d_adjoint(g, geometry, x[0].shape());
  }
  Tensor apply(std::span<const Tensor>, Tensor t) const override {
    return average_pool2d(t, geometry);
  }
};

/// y = x / window^2 spread over each window.  Adjoint: average_pool2d.
struct AveragePoolAdjoint final : LinearOp {
  PoolGeometry geometry;
  Shape image_shape;
  AveragePoolAdjoint(const PoolGeometry& g, const Shape& shape) : geometry(g), image_shape(shape) {}
  std::string_view name() const override { return "average_pool2d_adjoint"; }
  std::string attributes() const override {
    return fmt::format("{} to {}", text(geometry), str(image_shape));
  }
  Spec infer(Specs x) const override {
    check_floats(name(), x);
    if (const Shape pooled = kernel::pool2d_shape(image_shape, geometry, name());
        !(pooled == x[0].shape))
      fail(name(), "images {} pool to {}, but the cotangent is {}", str(image_shape), str(pooled),
           str(x[0].shape));
    return {image_shape, x[0].dtype};
  }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    kernel::average_pool_adjoint(x[0], geometry, y);
  }
  Cost cost(Specs x, const Spec& y) const override {
    return {window_flops(x[0].shape, geometry, 1), Op::cost(x, y).bytes};
  }
  Tensor adjoint(std::span<const Tensor>, Tensor g) const override {
    return average_pool2d(g, geometry);
  }
  Tensor apply(std::span<const Tensor>, Tensor t) const override {
    return average_pool2d_adjoint(t, geometry, image_shape);
  }
};

/// y = the position of the first maximum of each window.  dy = 0.
struct MaxPoolIndices final : Op {
  PoolGeometry geometry;
  explicit MaxPoolIndices(const PoolGeometry& g) : geometry(g) {}
  std::string_view name() const override { return "max_pool2d_indices"; }
  int input_count() const override { return 1; }
  std::string attributes() const override { return text(geometry); }
  Spec infer(Specs x) const override {
    check_floats(name(), x);
    return {kernel::pool2d_shape(x[0].shape, geometry, name()), DType::i32};
  }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    kernel::max_pool_indices(x[0], geometry, y);
  }
  Cost cost(Specs x, const Spec& y) const override {
    return {window_flops(y.shape, geometry),
            Op::cost(x, y).bytes - bytes_skipped(x[0], y.shape, geometry)};
  }
  Tensor vjp(int, std::span<const Tensor>, Tensor, Tensor) const override { return {}; }
  Tensor jvp(int, std::span<const Tensor>, Tensor, Tensor) const override { return {}; }
};

Tensor gather_pixels(Tensor x, Tensor indices);
Tensor scatter_pixels(Tensor g, Tensor indices, const Shape& image_shape);

/// y[n, o, c] = x[n, i[n, o, c], c], where o and i are positions of pixels.  Adjoint: pool_scatter.
struct PoolGather final : LinearOp {
  std::string_view name() const override { return "pool_gather"; }
  int input_count() const override { return 2; }
  Spec infer(Specs x) const override { return {x[1].shape, x[0].dtype}; }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    kernel::pool_gather(x[0], x[1], y);
  }
  Cost cost(Specs x, const Spec& y) const override { return picking_cost(x, y); }
  Tensor adjoint(std::span<const Tensor> x, Tensor g) const override {
    return scatter_pixels(g, x[1], x[0].shape());
  }
  Tensor apply(std::span<const Tensor> x, Tensor t) const override {
    return gather_pixels(t, x[1]);
  }
};

/// y = 0, then y[n, i[n, o, c], c] += x[n, o, c].  Adjoint: pool_gather.
struct PoolScatter final : LinearOp {
  Shape image_shape;
  explicit PoolScatter(const Shape& shape) : image_shape(shape) {}
  std::string_view name() const override { return "pool_scatter"; }
  int input_count() const override { return 2; }
  std::string attributes() const override { return "to " + str(image_shape); }
  Spec infer(Specs x) const override { return {image_shape, x[0].dtype}; }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    kernel::pool_scatter(x[0], x[1], y);
  }
  Cost cost(Specs x, const Spec& y) const override {
    Cost cost = Op::cost(x, y);
    cost.flops = static_cast<double>(x[0].shape.elements());
    return cost;
  }
  Tensor adjoint(std::span<const Tensor> x, Tensor g) const override {
    return gather_pixels(g, x[1]);
  }
  Tensor apply(std::span<const Tensor> x, Tensor t) const override {
    return scatter_pixels(t, x[1], image_shape);
  }
};

// Private to this file, because the kernels do not check the indices.
Tensor gather_pixels(Tensor x, Tensor indices) { return record<PoolGather>({x, indices}); }
Tensor scatter_pixels(Tensor g, Tensor indices, const Shape& image_shape) {
  return record(PoolScatter(image_shape), {g, indices});
}

}  // namespace

Tensor average_pool2d(Tensor x, const PoolGeometry& geometry) {
  return record(AveragePool(geometry), {x});
}
Tensor average_pool2d_adjoint(Tensor g, const PoolGeometry& geometry, const Shape& x_shape) {
  return record(AveragePoolAdjoint(geometry, x_shape), {g});
}
Tensor max_pool2d_indices(Tensor x, const PoolGeometry& geometry) {
  return record(MaxPoolIndices(geometry), {x});
}
Tensor max_pool2d(Tensor x, const PoolGeometry& geometry) {
  check_floats("max_pool2d", {x});
  kernel::pool2d_shape(x.shape(), geometry, "max_pool2d");
  return gather_pixels(x, max_pool2d_indices(x, geometry));
}

Tensor global_average_pool(Tensor x) {
  check_floats("global_average_pool", {x});
  if (x.rank() != 4)
    fail("global_average_pool", "needs images (n, h, w, c), was given {}", str(x.shape()));
  return mean(x, {1, 2});
}

}  // namespace twice
