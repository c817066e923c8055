// Rows of the table of random graphs: ops with kinks or jumps, and ops that pick numbers by
// indices. A term that grows through each kink keeps the value from having plateaus.
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/compare.h"
#include "autodiff/ops/index.h"
#include "autodiff/ops/loss.h"
#include "autodiff/ops/pool.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/trigonometric.h"
#include "experiments/commands/check/random_graph_shapes.h"
#include "nn/layers.h"

namespace twice::experiments {

namespace {

using namespace graph_shapes;

Tensor itself(const Tensors& x) { return x[0]; }
Tensor difference(const Tensors& x) { return x[0] - x[1]; }

/// Integers 0, 2, 4, ... modulo `below`: indices with repetitions, in no order.
Tensor picks(Tensor x, const Shape& shape, Index below) {
  const Array numbers(shape, DType::i32);
  for (Index i = 0; i < numbers.elements(); ++i)
    numbers.set(i, static_cast<double>((2 * i + 1) % below));
  return x.tape().constant(numbers);
}

/// How far the largest number of each row is from the others.
Tensor lead_of_largest(Tensor rows) {
  const Tensor first = one_hot(argmax(rows, -1), rows.size(-1), rows.dtype());
  return max(rows, {-1}, true) - rows + 10 * first;
}
Tensor last_axis_lead(const Tensors& x) { return lead_of_largest(x[0]); }
Tensor first_axis_lead_down(const Tensors& x) { return lead_of_largest(-transpose(x[0], 0, -1)); }
Tensor lead_of_all(const Tensors& x) { return lead_of_largest(reshape(x[0], {-1})); }

/// The differences of all pairs of numbers.
Tensor pairs(const Tensors& x) {
  const Index n = x[0].shape().elements();
  const Array diagonal = Array(Shape{n, n}, DType::f64);
  for (Index i = 0; i < n * n; ++i) diagonal.set(i, i % (n + 1) == 0 ? 10 : 0);
  return reshape(x[0], {n, 1}) - reshape(x[0], {1, n}) + x[0].tape().constant(diagonal);
}

Tensor dropped(Tensor x) {
  ForwardPass pass;
  pass.dropout = DropoutKey{Rng(7), x.tape().constant(3, DType::i32)};
  return dropout(0.4, 5).forward({}, {}, x, pass) + 0.3 * x;
}

std::vector<GraphOp> with_kinks() {
  using T = Tensor;
  return {
      unary(
          "relu", [](T x) { return relu(x) + 0.3 * x; }, any, itself),
      unary(
          "leaky_relu", [](T x) { return leaky_relu(x, 0.2); }, any, itself),
      unary(
          "elu", [](T x) { return elu(x, 1.3); }, any, itself),
      unary(
          "abs", [](T x) { return abs(x) + 0.4 * x; }, any, itself),
      unary(
          "sign", [](T x) { return sign(x) * sin(x) + x; }, any, itself),
      unary(
          "positive", [](T x) { return positive(x) * sin(x) - 0.4 * x; }, any, itself),
      unary(
          "equal", [](T x) { return equal(sign(x), positive(x)) * sin(x) + 0.4 * x; }, any, itself),
      unary(
          "nonzero", [](T x) { return nonzero(relu(x)) * x + 0.4 * sin(x); }, any, itself),
      unary(
          "clamp", [](T x) { return clamp(x, -0.6, 0.5) + 0.3 * x; }, any,
          [](const Tensors& x) { return (x[0] + 0.6) * (x[0] - 0.5); }),
      binary(
          "maximum", broadcast, [](T a, T b) { return maximum(a, b); }, difference),
      binary(
          "minimum", broadcast, [](T a, T b) { return minimum(a, b) - 0.2 * b; }, difference),
      binary(
          "greater_equal", broadcast,
          [](T a, T b) { return greater_equal(a, b) * sin(a) + 0.4 * b; }, difference),
      binary(
          "where", broadcast, [](T a, T b) { return where(greater(a, b), sin(a), 0.5 * a * b); },
          difference),
      binary(
          "huber", same, [](T a, T b) { return huber(tanh(a), b, 0.7); },
          [](const Tensors& x) { return abs(tanh(x[0]) - x[1]) - 0.7; }),
      unary(
          "max_last", [](T x) { return max(x, {-1}); }, has_axis, last_axis_lead),
      unary(
          "min_first_keepdims", [](T x) { return min(x, {0}, true); }, has_axis,
          first_axis_lead_down),
      unary(
          "max", [](T x) { return max(x); }, has_axis, lead_of_all),
      unary(
          "gather_along_argmax", [](T x) { return sin(gather_along(x, argmax(x, -1, true), -1)); },
          has_axis, last_axis_lead),
      unary(
          "max_pool",
          [](T x) {
            return max_pool2d(x, {2, 1, 0});
          },
          is_image, pairs),
      unary(
          "max_pool_padded",
          [](T x) {
            return max_pool2d(x, {2, 2, 1});
          },
          is_image, pairs),
  };
}

std::vector<GraphOp> with_indices() {
  using T = Tensor;
  return {
      unary(
          "gather", [](T x) { return gather(x, picks(x, {3}, x.size(0))); }, has_axis),
      unary(
          "scatter_add", [](T x) { return 0.7 * scatter_add(x, picks(x, {x.size(0)}, 3), 3); },
          has_axis),
      unary(
          "gather_along", [](T x) { return gather_along(x, picks(x, x.shape(), x.size(0)), 0); },
          has_axis),
      unary(
          "scatter_along",
          [](T x) { return 0.7 * scatter_along(x, picks(x, x.shape(), 3), -1, 3); }, has_axis),
      unary(
          "one_hot",
          [](T x) {
            return (0.3 + one_hot(picks(x, {x.size(0)}, x.size(1)), x.size(1), x.dtype())) * x;
          },
          is_matrix),
      unary("dropout", dropped),
  };
}

}  // namespace

std::vector<GraphOp> kinked_graph_ops() {
  std::vector<GraphOp> all = with_kinks();
  for (GraphOp& op : with_indices()) all.push_back(std::move(op));
  return all;
}

}  // namespace twice::experiments
