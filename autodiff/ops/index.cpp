// Gathering and scattering by constant indices, each the adjoint of the other.
#include "autodiff/ops/index.h"

#include "autodiff/kernels/index.h"
#include "autodiff/ops/inputs.h"
#include "autodiff/ops/linear.h"
#include "autodiff/ops/shape_ops.h"

namespace twice {

namespace {

void check_index_dtype(std::string_view who, const Spec& indices) {
  if (indices.dtype != DType::i32) fail(who, "indices must be i32, were {}", str(indices));
}

Shape without_first(const Shape& shape) {
  return Shape(std::span(shape.begin(), shape.end()).subspan(1));
}

Shape joined(const Shape& a, const Shape& b) {
  Shape result = a;
  for (Index size : b) result.push_back(size);
  return result;
}

Shape with_last(Shape shape, Index size) {
  shape[shape.rank() - 1] = size;
  return shape;
}

/// y[k] = x[i[k]].  Adjoint: scatter_add.
struct Gather final : LinearOp {
  std::string_view name() const override { return "gather"; }
  int input_count() const override { return 2; }
  Spec infer(Specs x) const override {
    check_index_dtype(name(), x[1]);
    if (x[0].shape.rank() == 0)
      fail(name(), "shape () has no axis to pick from; it needs one or more");
    return {joined(x[1].shape, without_first(x[0].shape)), x[0].dtype};
  }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    kernel::check_indices(name(), x[1], x[0].shape()[0]);
    kernel::gather_rows(x[0], x[1], y);
  }
  Cost cost(Specs x, const Spec& y) const override { return picking_cost(x, y); }
  Tensor adjoint(std::span<const Tensor> x, Tensor g) const override {
    return scatter_add(g, x[1], x[0].size(0));
  }
  Tensor apply(std::span<const Tensor> x, Tensor t) const override { return gather(t, x[1]); }
};

/// y = 0, then y[i[k]] += x[k].  Adjoint: gather.
struct ScatterAdd final : LinearOp {
  Index size;
  explicit ScatterAdd(Index rows) : size(rows) {}
  std::string_view name() const override { return "scatter_add"; }
  int input_count() const override { return 2; }
  std::string attributes() const override { return fmt::format("size {}", size); }
  Spec infer(Specs x) const override {
    check_index_dtype(name(), x[1]);
    const Shape &from = x[0].shape, &at = x[1].shape;
    check_floats(name(), x.first(1));
    if (from.rank() < at.rank() || !std::equal(at.begin(), at.end(), from.begin()))
      fail(name(), "indices {} must be the leading axes of {}", str(at), str(from));
    const auto rest =
        std::span(from.begin(), from.end()).subspan(static_cast<std::size_t>(at.rank()));
    return {joined({size}, Shape(rest)), x[0].dtype};
  }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    kernel::check_indices(name(), x[1], size);
    kernel::scatter_add_rows(x[0], x[1], y);
  }
  Cost cost(Specs x, const Spec& y) const override {
    Cost cost = Op::cost(x, y);
    cost.flops = static_cast<double>(x[0].shape.elements());
    return cost;
  }
  Tensor adjoint(std::span<const Tensor> x, Tensor g) const override { return gather(g, x[1]); }
  Tensor apply(std::span<const Tensor> x, Tensor t) const override {
    return scatter_add(t, x[1], size);
  }
};

/// y[r, k] = x[r, i[r, k]] along the last axis.  Adjoint: scatter_along.
struct GatherAlong final : LinearOp {
  std::string_view name() const override { return "gather_along"; }
  int input_count() const override { return 2; }
  Spec infer(Specs x) const override {
    check_index_dtype(name(), x[1]);
    const Shape &from = x[0].shape, &at = x[1].shape;
    if (from.rank() == 0 || from.rank() != at.rank() || !(with_last(from, at.back()) == at))
      fail(name(), "indices {} must have the sizes of {} except along the gathered axis", str(at),
           str(from));
    return {at, x[0].dtype};
  }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    kernel::check_indices(name(), x[1], x[0].shape().back());
    kernel::gather_last(x[0], x[1], y);
  }
  Cost cost(Specs x, const Spec& y) const override { return picking_cost(x, y); }
  Tensor adjoint(std::span<const Tensor> x, Tensor g) const override {
    return scatter_along(g, x[1], -1, x[0].size(-1));
  }
  Tensor apply(std::span<const Tensor> x, Tensor t) const override {
    return gather_along(t, x[1], -1);
  }
};

/// y = 0, then y[r, i[r, k]] += x[r, k].  Adjoint: gather_along.
struct ScatterAlong final : LinearOp {
  Index size;
  explicit ScatterAlong(Index entries) : size(entries) {}
  std::string_view name() const override { return "scatter_along"; }
  int input_count() const override { return 2; }
  std::string attributes() const override { return fmt::format("size {}", size); }
  Spec infer(Specs x) const override {
    check_index_dtype(name(), x[1]);
    check_floats(name(), x.first(1));
    if (x[0].shape.rank() == 0 || !(x[0].shape == x[1].shape))
      fail(name(), "indices {} and numbers {} must have the same shape, of rank 1 or more",
           str(x[1].shape), str(x[0].shape));
    return {with_last(x[0].shape, size), x[0].dtype};
  }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    kernel::check_indices(name(), x[1], size);
    kernel::scatter_add_last(x[0], x[1], y);
  }
  Cost cost(Specs x, const Spec& y) const override {
    Cost cost = Op::cost(x, y);
    cost.flops = static_cast<double>(x[0].shape.elements());
    return cost;
  }
  Tensor adjoint(std::span<const Tensor> x, Tensor g) const override {
    return gather_along(g, x[1], -1);
  }
  Tensor apply(std::span<const Tensor> x, Tensor t) const override {
    return scatter_along(t, x[1], -1, size);
  }
};

/// The base class of ops that return positions or masks, whose derivatives are zero.
struct NoDerivative : Op {
  int input_count() const final { return 1; }
  Tensor vjp(int, std::span<const Tensor>, Tensor, Tensor) const final { return {}; }
  Tensor jvp(int, std::span<const Tensor>, Tensor, Tensor) const final { return {}; }
};

/// y[r] = the first i at which x[r, i] is largest or smallest.  dy = 0.
struct ArgExtreme final : NoDerivative {
  bool largest;
  explicit ArgExtreme(bool largest_first) : largest(largest_first) {}
  std::string_view name() const override { return largest ? "argmax" : "argmin"; }
  Spec infer(Specs x) const override {
    check_floats(name(), x.first(1));
    if (x[0].shape.back() == 0) fail(name(), "shape {} has no numbers to compare", str(x[0].shape));
    return {with_last(x[0].shape, 1), DType::i32};
  }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    kernel::arg_extreme_last(x[0], largest, y);
  }
  Cost cost(Specs x, const Spec& y) const override {
    Cost cost = Op::cost(x, y);
    cost.flops = static_cast<double>(x[0].shape.elements());
    return cost;
  }
};

/// y[r, c] = [labels[r] = c].  dy = 0.
struct OneHot final : NoDerivative {
  Index classes;
  DType dtype;
  OneHot(Index count, DType type) : classes(count), dtype(type) {}
  std::string_view name() const override { return "one_hot"; }
  std::string attributes() const override { return fmt::format("{} {}", classes, str(dtype)); }
  Spec infer(Specs x) const override {
    check_index_dtype(name(), x[0]);
    if (!is_float(dtype)) fail(name(), "makes f32 or f64, not {}", str(dtype));
    return {joined(x[0].shape, {classes}), dtype};
  }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    kernel::check_indices(name(), x[0], classes, "label");
    kernel::one_hot_rows(x[0], y);
  }
  Cost cost(Specs x, const Spec& y) const override { return {0, Op::cost(x, y).bytes}; }
};

/// The numbers and the indices with `axis` moved to the end.
std::pair<Tensor, Tensor> along_last(const char* who, Tensor x, Tensor indices, int axis) {
  tape_of(who, {x, indices});
  normalized_axis(who, axis, x.rank());
  if (x.rank() != indices.rank())
    fail(who, "indices {} and numbers {} must have the same number of axes", str(indices.shape()),
         str(x.shape()));
  return {transpose(x, axis, -1), transpose(indices, axis, -1)};
}

void check_not_empty(const char* who, Tensor x, Index count) {
  if (count == 0) fail(who, "shape {} has no numbers to compare", str(x.shape()));
}

Tensor arg_extreme(const char* who, Tensor x, int axis, bool keepdims, bool largest) {
  check_floats(who, {x});
  const Shape target = reduced_shape(who, x.shape(), {axis}, keepdims);
  check_not_empty(who, x, x.size(axis));
  const Tensor position = record(ArgExtreme(largest), {transpose(x, axis, -1)});
  return reshape(transpose(position, axis, -1), target);
}

Tensor extreme(const char* who, Tensor x, const Shape& axes, bool keepdims, bool largest) {
  check_floats(who, {x});
  const Tensor rows = as_rows(who, x, axes);
  check_not_empty(who, x, rows.size(1));
  const Tensor position = record(ArgExtreme(largest), {rows});
  return reshape(gather_along(rows, position, -1), reduced_shape(who, x.shape(), axes, keepdims));
}

}  // namespace

Tensor gather(Tensor x, Tensor indices) { return record<Gather>({x, indices}); }

Tensor scatter_add(Tensor x, Tensor indices, Index size) {
  if (size < 0) fail("scatter_add", "the size {} must be >= 0", size);
  return record(ScatterAdd(size), {x, indices});
}

Tensor gather_along(Tensor x, Tensor indices, int axis) {
  const auto [numbers, picks] = along_last("gather_along", x, indices, axis);
  return transpose(record<GatherAlong>({numbers, picks}), axis, -1);
}

Tensor scatter_along(Tensor x, Tensor indices, int axis, Index size) {
  if (size < 0) fail("scatter_along", "the size {} must be >= 0", size);
  const auto [numbers, picks] = along_last("scatter_along", x, indices, axis);
  return transpose(record(ScatterAlong(size), {numbers, picks}), axis, -1);
}

Tensor one_hot(Tensor labels, Index classes, DType dtype) {
  if (classes < 1) fail("one_hot", "needs at least 1 class, was given {}", classes);
  return record(OneHot(classes, dtype), {labels});
}

Tensor argmax(Tensor x, int axis, bool keepdims) {
  return arg_extreme("argmax", x, axis, keepdims, true);
}
Tensor argmin(Tensor x, int axis, bool keepdims) {
  return arg_extreme("argmin", x, axis, keepdims, false);
}
Tensor max(Tensor x, const Shape& axes, bool keepdims) {
  return extreme("max", x, axes, keepdims, true);
}
Tensor min(Tensor x, const Shape& axes, bool keepdims) {
  return extreme("min", x, axes, keepdims, false);
}

}  // namespace twice
