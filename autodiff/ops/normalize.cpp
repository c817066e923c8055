#include "autodiff/ops/normalize.h"

#include "autodiff/kernels/moments.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/inputs.h"
#include "autodiff/ops/linear.h"
#include "autodiff/ops/shape_ops.h"

namespace twice {

namespace {

/// A run of neighbouring axes [first, first + count) of a tensor.
struct AxisRun {
  int first, count;

  kernel::MomentExtents extents(const Shape& shape) const {
    kernel::MomentExtents e;
    for (int axis = 0; axis < shape.rank(); ++axis)
      (axis < first ? e.outer : axis < first + count ? e.count : e.inner) *= shape[axis];
    return e;
  }
  Shape axes() const {
    Shape result;
    for (int i = 0; i < count; ++i) result.push_back(first + i);
    return result;
  }
  std::string str() const { return fmt::format("axes {}", twice::str(axes())); }
};

/// An op over a run of axes, from the family `Base`. By default y has x's shape.
template <class Base>
struct OverAxes : Base {
  AxisRun run_;
  explicit OverAxes(const AxisRun& axes) : run_(axes) {}
  int input_count() const override { return 1; }
  std::string attributes() const override { return run_.str(); }
  Spec infer(Specs x) const override {
    check_floats(this->name(), x);
    return x[0];
  }
  std::size_t workspace(Specs x, const Spec&) const override {
    return kernel::moments_workspace(run_.extents(x[0].shape));
  }
  kernel::MomentExtents extents(const Array& x) const { return run_.extents(x.shape()); }
  /// x's shape, with size 1 for the axes of the run.
  Shape reduced(const Shape& x) const { return reduced_shape("axes", x, run_.axes(), true); }
  /// `a_number` FLOPs for each number of x, and `a_mean` for each mean over the axes.
  Cost cost_of(Specs x, const Spec& y, double a_number, double a_mean) const {
    Cost cost = Op::cost(x, y);
    cost.flops = a_number * static_cast<double>(x[0].shape.elements()) +
                 a_mean * static_cast<double>(reduced(x[0].shape).elements());
    return cost;
  }
};

/// y = x - mean x. The map is symmetric, so it is its own adjoint.
struct Center final : OverAxes<LinearOp> {
  using OverAxes::OverAxes;
  std::string_view name() const override { return "center"; }
  void run(const Inputs& x, const Array& y, std::byte* scratch) const override {
    kernel::center(x[0], extents(x[0]), y, scratch);
  }
  Cost cost(Specs x, const Spec& y) const override {
    // For each number: sum, difference. For each mean: the division by n.
    return cost_of(x, y, 2, 1);
  }
  Tensor adjoint(std::span<const Tensor>, Tensor g) const override {
    return record(Center(run_), {g});
  }
  Tensor apply(std::span<const Tensor>, Tensor t) const override {
    return record(Center(run_), {t});
  }
};

/// y = mean((x - mean x)^2). The reduced axes keep size 1. J' g = 2/n (x - mean x) g, J t = 2/n
/// sum((x - mean x) t).
struct Variance final : OverAxes<Op> {
  using OverAxes::OverAxes;
  std::string_view name() const override { return "variance"; }
  Spec infer(Specs x) const override { return {reduced(OverAxes::infer(x).shape), x[0].dtype}; }
  void run(const Inputs& x, const Array& y, std::byte* scratch) const override {
    kernel::variance(x[0], extents(x[0]), y, scratch);
  }
  Cost cost(Specs x, const Spec& y) const override {
    // For each number: sum, deviation, square, sum. For each mean: two divisions by n.
    return cost_of(x, y, 4, 2);
  }
  Tensor vjp(int, std::span<const Tensor> x, Tensor y, Tensor g) const override {
    return scale(x[0], y) * record(Center(run_), {x[0]}) * g;
  }
  Tensor jvp(int, std::span<const Tensor> x, Tensor y, Tensor t) const override {
    return scale(x[0], y) * sum(record(Center(run_), {x[0]}) * t, run_.axes(), true);
  }

 private:
  static double scale(Tensor x, Tensor y) {
    return 2.0 * static_cast<double>(y.shape().elements()) /
           static_cast<double>(x.shape().elements());
  }
};

Tensor standardized(Tensor x, const AxisRun& axes, double epsilon);

/// y = 1/sqrt(v + epsilon), where v = variance(x) is the second input. If v overflows, y is
/// computed from x and stays finite. The derivatives with respect to x are total; v has no
/// derivative. With s = standardize(x): J' g = -1/n y^2 g s, J t = -y^2 mean(s t).
struct InverseDeviation final : OverAxes<Op> {
  double epsilon;
  InverseDeviation(const AxisRun& axes, double e) : OverAxes(axes), epsilon(e) {}
  std::string_view name() const override { return "inverse_deviation"; }
  int input_count() const override { return 2; }
  std::string attributes() const override {
    return fmt::format("{} epsilon {}", run_.str(), epsilon);
  }
  Spec infer(Specs x) const override {
    OverAxes::infer(x);
    return x[1];
  }
  std::size_t workspace(Specs, const Spec&) const override { return 0; }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    kernel::inverse_deviation(x[0], x[1], extents(x[0]), epsilon, y);
  }
  Cost cost(Specs x, const Spec& y) const override {
    // An addition, a root and a division. x is read only if v overflows.
    Cost cost = cost_of(x, y, 0, 3);
    cost.bytes = static_cast<double>(x[1].bytes() + y.bytes());
    return cost;
  }
  Tensor vjp(int slot, std::span<const Tensor> x, Tensor y, Tensor g) const override {
    if (slot == 1) return {};
    const double n =
        static_cast<double>(x[0].shape().elements()) / static_cast<double>(y.shape().elements());
    return (-1 / n * (y * (y * g))) * standardized(x[0], run_, epsilon);
  }
  Tensor jvp(int slot, std::span<const Tensor> x, Tensor y, Tensor t) const override {
    if (slot == 1) return {};
    return -(y * (y * mean(standardized(x[0], run_, epsilon) * t, run_.axes(), true)));
  }
};

/// y = r (x - mean x) with r = 1/sqrt(variance x + epsilon).  J v = r (v - mean v - y mean(y v)).
struct Standardize final : OverAxes<Op> {
  double epsilon;
  Standardize(const AxisRun& axes, double e) : OverAxes(axes), epsilon(e) {}
  std::string_view name() const override { return "standardize"; }
  std::string attributes() const override {
    return fmt::format("{} epsilon {}", run_.str(), epsilon);
  }
  void run(const Inputs& x, const Array& y, std::byte* scratch) const override {
    kernel::standardize(x[0], extents(x[0]), epsilon, y, scratch);
  }
  Cost cost(Specs x, const Spec& y) const override {
    // The variance, a difference and a product. For r: an addition, a root and a division.
    return cost_of(x, y, 6, 5);
  }
  Tensor vjp(int, std::span<const Tensor> x, Tensor y, Tensor g) const override {
    return jacobian_times(x[0], y, g);
  }
  Tensor jvp(int, std::span<const Tensor> x, Tensor y, Tensor t) const override {
    return jacobian_times(x[0], y, t);
  }

 private:
  Tensor jacobian_times(Tensor x, Tensor y, Tensor v) const {
    const Tensor r = record(InverseDeviation(run_, epsilon), {x, record(Variance(run_), {x})});
    const auto average = [&](Tensor t) { return mean(t, run_.axes(), true); };
    return r * (v - average(v) - y * average(y * v));
  }
};

Tensor standardized(Tensor x, const AxisRun& axes, double epsilon) {
  return record(Standardize(axes, epsilon), {x});
}

/// x with the reduced axes side by side: unchanged if they already are, otherwise moved to the end.
struct Arranged {
  Tensor x;
  AxisRun run;
  Shape order;  // axis i of the arranged x is axis order[i] of the original; empty if unchanged

  Arranged(const char* who, Tensor input, const Shape& axes) : x(input) {
    const Shape reduced = sorted_axes(who, axes, x.rank());
    run = {reduced.rank() > 0 ? static_cast<int>(reduced[0]) : 0, reduced.rank()};
    if (reduced.rank() == 0 || reduced.back() - reduced[0] + 1 == reduced.rank()) return;
    for (bool last : {false, true})
      for (int axis = 0; axis < x.rank(); ++axis)
        if (reduced.contains(axis) == last) order.push_back(axis);
    run.first = x.rank() - run.count;
    x = permute(x, order);
  }
  Tensor restored(Tensor y) const {
    Shape inverse = order;
    for (int i = 0; i < order.rank(); ++i) inverse[static_cast<int>(order[i])] = i;
    return order.rank() == 0 ? y : permute(y, inverse);
  }
};

}  // namespace

Tensor variance(Tensor x, const Shape& axes, bool keepdims) {
  check_floats("variance", {x});
  const Shape target = reduced_shape("variance", x.shape(), axes, keepdims);
  const Arranged arranged("variance", x, axes);
  return reshape(record(Variance(arranged.run), {arranged.x}), target);
}

Tensor center(Tensor x, const Shape& axes) {
  check_floats("center", {x});
  const Arranged arranged("center", x, axes);
  return arranged.restored(record(Center(arranged.run), {arranged.x}));
}

Tensor standardize(Tensor x, const Shape& axes, double epsilon) {
  check_floats("standardize", {x});
  if (!(epsilon > 0)) fail("standardize", "epsilon must be > 0, was {}", epsilon);
  const Arranged arranged("standardize", x, axes);
  return arranged.restored(standardized(arranged.x, arranged.run, epsilon));
}

}  // namespace twice
