// The losses, with their derivatives and reductions.
#include "autodiff/ops/loss.h"

#include "autodiff/kernels/index.h"
#include "autodiff/kernels/softmax.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/compare.h"
#include "autodiff/ops/index.h"
#include "autodiff/ops/inputs.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/softmax.h"

namespace twice {

namespace {

/// Checks the inputs of the ops that take logits and labels.
void check_labelled(const char* who, Specs x) {
  if (!is_float(x[0].dtype) || x[1].dtype != DType::i32)
    fail(who, "needs logits of f32 or f64 and labels of i32, was given {} and {}", str(x[0]),
         str(x[1]));
  if (x[0].shape.rank() == 0 || !(x[1].shape == reduced_shape(who, x[0].shape, {-1}, false)))
    fail(who, "logits {} need one label for each row; the labels are {}", str(x[0].shape),
         str(x[1].shape));
}

/// y = softmax(x) - onehot(labels), accurate even where softmax(x) is near 1 at the label. J is
/// that of softmax.
struct SoftmaxError final : Op {
  std::string_view name() const override { return "softmax_error"; }
  int input_count() const override { return 2; }
  Spec infer(Specs x) const override {
    check_labelled("softmax_error", x);
    return x[0];
  }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    kernel::check_indices("cross_entropy", x[1], x[0].shape().back(), "label");
    kernel::softmax_error_rows(x[0], x[1], y);
  }
  Cost cost(Specs x, const Spec& y) const override {
    Cost cost = Op::cost(x, y);
    // For each number: maximum, shift, exponential, sum, quotient. For each row: a difference.
    cost.flops = 5.0 * static_cast<double>(x[0].shape.elements()) +
                 static_cast<double>(x[1].shape.elements());
    return cost;
  }
  Tensor vjp(int slot, std::span<const Tensor> x, Tensor, Tensor g) const override {
    return slot == 0 ? softmax_jacobian(softmax(x[0]), g) : Tensor{};
  }
  Tensor jvp(int slot, std::span<const Tensor> x, Tensor, Tensor t) const override {
    return slot == 0 ? softmax_jacobian(softmax(x[0]), t) : Tensor{};
  }
};

/// y[r] = ln sum_j e^x[r, j] - x[r, labels[r]].  For each row, with
/// e = softmax(x) - onehot(labels): J' g = e g, J t = sum_j e_j t_j.
struct CrossEntropy final : Op {
  std::string_view name() const override { return "cross_entropy"; }
  int input_count() const override { return 2; }
  Spec infer(Specs x) const override {
    check_labelled("cross_entropy", x);
    return {x[1].shape, x[0].dtype};
  }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    kernel::check_indices("cross_entropy", x[1], x[0].shape().back(), "label");
    kernel::cross_entropy_rows(x[0], x[1], y);
  }
  Cost cost(Specs x, const Spec& y) const override {
    Cost cost = Op::cost(x, y);
    // For each number: maximum, shift, exponential, sum. For each row: logarithm, shift,
    // difference.
    cost.flops = 4.0 * static_cast<double>(x[0].shape.elements()) +
                 3.0 * static_cast<double>(y.shape.elements());
    return cost;
  }
  Tensor vjp(int slot, std::span<const Tensor> x, Tensor, Tensor g) const override {
    if (slot == 1) return {};
    return record<SoftmaxError>({x[0], x[1]}) *
           reshape(g, reduced_shape("cross_entropy", x[0].shape(), {-1}, true));
  }
  Tensor jvp(int slot, std::span<const Tensor> x, Tensor, Tensor t) const override {
    return slot == 0 ? sum(record<SoftmaxError>({x[0], x[1]}) * t, {-1}) : Tensor{};
  }
};

Tensor reduce(Tensor losses, Reduction reduction) {
  if (reduction == Reduction::none) return losses;
  return reduction == Reduction::mean ? mean(losses) : sum(losses);
}

/// Throws unless the shapes are equal: broadcasting (m) against (m, 1) would give an (m, m) loss.
void check_same(const char* who, Tensor a, Tensor b) {
  check_floats(who, {a, b});
  if (!(a.shape() == b.shape()))
    fail(who, "prediction and target differ: {} and {}", str(a.spec()), str(b.spec()));
}

}  // namespace

Tensor cross_entropy(Tensor logits, Tensor labels, double label_smoothing, Reduction reduction) {
  if (!(label_smoothing >= 0 && label_smoothing <= 1))
    fail("cross_entropy", "label smoothing must be in [0, 1], was {}", label_smoothing);
  Tensor losses = record<CrossEntropy>({logits, labels});
  if (label_smoothing > 0) {
    const Tensor uniform = logsumexp(logits, {-1}) - mean(logits, {-1});
    losses = (1 - label_smoothing) * losses + label_smoothing * uniform;
  }
  return reduce(losses, reduction);
}

Tensor soft_cross_entropy(Tensor logits, Tensor targets, Reduction reduction) {
  check_same("soft_cross_entropy", logits, targets);
  normalized_axis("soft_cross_entropy", -1, logits.rank());
  return reduce(-sum(targets * log_softmax(logits), {-1}), reduction);
}

Tensor binary_cross_entropy(Tensor logits, Tensor targets, Reduction reduction) {
  check_same("binary_cross_entropy", logits, targets);
  // softplus(x) - x target, written without a difference that cancels if s(x) is near the target.
  return reduce((1 - targets) * softplus(logits) + targets * softplus(-logits), reduction);
}

Tensor mse(Tensor prediction, Tensor target, Reduction reduction) {
  check_same("mse", prediction, target);
  return reduce(square(prediction - target), reduction);
}

Tensor huber(Tensor prediction, Tensor target, double delta, Reduction reduction) {
  check_same("huber", prediction, target);
  if (!(delta > 0)) fail("huber", "delta must be > 0, was {}", delta);
  const Tensor d = prediction - target, inner = clamp(d, -delta, delta);
  // Inside, this is d^2/2. Outside, inner = +-delta, and this is delta |d| - delta^2/2.
  return reduce(inner * (d - 0.5 * inner), reduction);
}

}  // namespace twice
