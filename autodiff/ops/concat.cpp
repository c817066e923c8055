#include "autodiff/ops/concat.h"

#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/slice.h"

namespace twice {

namespace {

/// y = x_0, x_1, ... joined along an axis.  dy/dx_i selects slice i; the adjoint pads with zeros.
/// Concat is not a LinearOp, because a LinearOp is linear in its first input only.
struct Concat final : Op {
  int axis;
  explicit Concat(int along) : axis(along) {}
  std::string_view name() const override { return "concat"; }
  int input_count() const override { return any_number; }
  std::string attributes() const override { return fmt::format("axis {}", axis); }
  Spec infer(Specs x) const override {
    Spec y = x[0];
    y.shape[axis] = 0;
    for (const Spec& part : x) {
      Shape expected = x[0].shape;
      if (part.shape.rank() == expected.rank()) expected[axis] = part.shape[axis];
      if (!(part.shape == expected) || part.dtype != y.dtype)
        fail(
            name(),
            "{} cannot be joined to {} along axis {}: the other sizes and the dtypes must be equal",
            str(part), str(x[0]), axis);
      y.shape[axis] += part.shape[axis];
    }
    return y;
  }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    Index first = 0;
    for (std::size_t i = 0; i < x.size(); first += x[i].shape()[axis], ++i)
      copy(x[i], y.sliced(axis, first, x[i].shape()[axis]));
  }
  Cost cost(Specs, const Spec& y) const override {
    return {0, 2.0 * static_cast<double>(y.bytes())};
  }
  Tensor vjp(int slot, std::span<const Tensor> x, Tensor, Tensor g) const override {
    const Index first = offset(slot, x);
    return slice(g, axis, first, first + x[static_cast<std::size_t>(slot)].size(axis));
  }
  Tensor jvp(int slot, std::span<const Tensor> x, Tensor y, Tensor t) const override {
    Shape before = Shape::filled(y.rank(), 0), after = before;
    before[axis] = offset(slot, x);
    after[axis] = y.size(axis) - before[axis] - t.size(axis);
    return pad(t, before, after);
  }

 private:
  Index offset(int slot, std::span<const Tensor> x) const {
    Index first = 0;
    for (Tensor part : x.first(static_cast<std::size_t>(slot))) first += part.size(axis);
    return first;
  }
};

}  // namespace

Tensor concat(const Tensors& x, int axis) {
  if (x.empty()) fail("concat", "an empty list was given; it needs at least one tensor");
  Tape& tape = tape_of("concat", x);
  const int along = normalized_axis("concat", axis, x[0].rank());
  return x.size() == 1 ? x[0] : tape.record(std::make_shared<const Concat>(along), x);
}

Tensor stack(const Tensors& x, int axis) {
  if (x.empty()) fail("stack", "an empty list was given; it needs at least one tensor");
  tape_of("stack", x);
  const int along = normalized_axis("stack", axis, x[0].rank() + 1);
  Tensors parts;
  for (Tensor part : x) {
    if (!(part.spec() == x[0].spec()))
      fail("stack", "its inputs differ: {} and {}", str(x[0].spec()), str(part.spec()));
    Shape shape;
    for (int i = 0; i <= part.rank(); ++i)
      shape.push_back(i == along ? 1 : part.size(i < along ? i : i - 1));
    parts.push_back(reshape(part, shape));
  }
  return concat(parts, along);
}

}  // namespace twice
