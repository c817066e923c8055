// Slices and padding, each the adjoint of the other.
#include "autodiff/ops/slice.h"

#include "autodiff/ops/linear.h"

namespace twice {

namespace {

/// A regular grid of positions in a tensor: along axis i, count[i] positions first[i],
/// first[i] + step[i], ... `slice` reads the view of these positions, and `pad` writes it.
struct Grid {
  Shape first, count, step;
  std::string str() const {
    return fmt::format("first {} step {}", twice::str(first), twice::str(step));
  }
  Array of(const Array& whole) const {
    Array view = whole;
    for (int axis = 0; axis < count.rank(); ++axis)
      view = view.sliced(axis, first[axis], count[axis], step[axis]);
    return view;
  }
};

Tensor place(Tensor x, const Grid& grid, const Shape& whole);

/// y = the numbers of x on a grid.  Adjoint: pad, which puts them on the grid, with zeros
/// elsewhere.
struct Slice final : LinearOp {
  Grid grid;
  explicit Slice(const Grid& positions) : grid(positions) {}
  std::string_view name() const override { return "slice"; }
  std::string attributes() const override {
    return fmt::format("{} {}", str(grid.count), grid.str());
  }
  Spec infer(Specs x) const override { return {grid.count, x[0].dtype}; }
  void run(const Inputs& x, const Array& y, std::byte*) const override { copy(grid.of(x[0]), y); }
  Cost cost(Specs, const Spec& y) const override {
    return {0, 2.0 * static_cast<double>(y.bytes())};
  }
  Tensor adjoint(std::span<const Tensor> x, Tensor g) const override {
    return place(g, grid, x[0].shape());
  }
  Tensor apply(std::span<const Tensor>, Tensor t) const override {
    return record(Slice(grid), {t});
  }
};

/// y = x on a grid, zeros elsewhere.  Adjoint: slice.
struct Pad final : LinearOp {
  Grid grid;
  Shape whole;
  Pad(const Grid& positions, const Shape& shape) : grid(positions), whole(shape) {}
  std::string_view name() const override { return "pad"; }
  std::string attributes() const override { return fmt::format("{} {}", str(whole), grid.str()); }
  Spec infer(Specs x) const override { return {whole, x[0].dtype}; }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    std::fill_n(static_cast<std::byte*>(y.raw()), y.bytes(), std::byte{0});
    copy(x[0], grid.of(y));
  }
  Tensor adjoint(std::span<const Tensor>, Tensor g) const override {
    return record(Slice(grid), {g});
  }
  Tensor apply(std::span<const Tensor>, Tensor t) const override { return place(t, grid, whole); }
};

Tensor place(Tensor x, const Grid& grid, const Shape& whole) {
  return record(Pad(grid, whole), {x});
}

}  // namespace

Tensor slice(Tensor x, const Shape& start, const Shape& stop, const Shape& step) {
  tape_of("slice", {x});
  const int rank = x.rank();
  if (start.rank() != rank || stop.rank() != rank || step.rank() != rank)
    fail("slice", "shape {} needs {} starts, stops and steps; {}, {} and {} were given",
         str(x.shape()), rank, start.rank(), stop.rank(), step.rank());
  Grid grid{start, x.shape(), step};
  bool everything = true;
  for (int axis = 0; axis < rank; ++axis) {
    const Index size = x.size(axis), by = step[axis];
    if (by == 0)
      fail("slice", "the step along axis {} of shape {} must not be 0", axis, str(x.shape()));
    const Index first = start[axis] < 0 ? start[axis] + size : start[axis];
    const Index end = stop[axis] < 0 ? stop[axis] + size : stop[axis];
    // -1 is the position before the first entry, where a backward slice may stop.
    const bool inside =
        first >= 0 && first <= size && (by > 0 ? end >= 0 : end >= -1) && end <= size;
    // The distance and the number of steps. `by` is not negated: -by may not fit an Index.
    const Index way = !inside ? 0 : std::max<Index>(0, by > 0 ? end - first : first - end);
    const Index count = way == 0 ? 0 : std::abs((way - 1) / by) + 1;
    if (!inside || (count > 0 && first >= size))
      fail("slice", "entries {} to {} step {} are outside axis {} of shape {}", start[axis],
           stop[axis], by, axis, str(x.shape()));
    grid.first[axis] = first;
    grid.count[axis] = count;
    everything = everything && count == size && by == 1;
  }
  return everything ? x : record(Slice(grid), {x});
}

Tensor slice(Tensor x, int axis, Index start, Index stop, Index step) {
  tape_of("slice", {x});
  Shape starts = Shape::filled(x.rank(), 0), steps = Shape::filled(x.rank(), 1), stops = x.shape();
  const int along = normalized_axis("slice", axis, x.rank());
  starts[along] = start;
  stops[along] = stop;
  steps[along] = step;
  return slice(x, starts, stops, steps);
}

Tensor flip(Tensor x, const Shape& axes) {
  tape_of("flip", {x});
  Tensor result = x;
  for (int i = 0; i < (axes.rank() > 0 ? axes.rank() : x.rank()); ++i) {
    const int axis = axes.rank() > 0 ? normalized_axis("flip", axes[i], x.rank()) : i;
    if (x.size(axis) > 1) result = slice(result, axis, -1, -(x.size(axis) + 1), -1);
  }
  return result;
}

Tensor pad(Tensor x, const Shape& before, const Shape& after) {
  tape_of("pad", {x});
  if (before.rank() != x.rank() || after.rank() != x.rank())
    fail("pad", "shape {} needs {} counts before and after; {} and {} were given", str(x.shape()),
         x.rank(), before.rank(), after.rank());
  Shape whole = x.shape();
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (before[axis] < 0 || after[axis] < 0)
      fail("pad", "counts {} and {} must be >= 0; `slice` removes entries", str(before),
           str(after));
    if (std::max(before[axis], after[axis]) > largest_array)
      fail("pad", "counts {} and {} make more than 2^44 numbers", str(before), str(after));
    whole[axis] += before[axis] + after[axis];
  }
  return whole == x.shape() ? x : place(x, {before, x.shape(), Shape::filled(x.rank(), 1)}, whole);
}

}  // namespace twice
