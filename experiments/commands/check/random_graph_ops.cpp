// The table of ops that random graphs are drawn from: here the smooth ones.
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/batched_matmul.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/concat.h"
#include "autodiff/ops/conv.h"
#include "autodiff/ops/exponential.h"
#include "autodiff/ops/loss.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/normalize.h"
#include "autodiff/ops/pool.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/slice.h"
#include "autodiff/ops/softmax.h"
#include "autodiff/ops/trigonometric.h"
#include "experiments/commands/check/random_graph_shapes.h"

namespace twice::experiments {

namespace {

using namespace graph_shapes;

Tensor labels_for(Tensor logits) {
  Array labels({logits.size(0)}, DType::i32);
  for (Index i = 0; i < labels.elements(); ++i)
    labels.set(i, static_cast<double>((i + 1) % logits.size(1)));
  return logits.tape().constant(labels);
}

std::vector<GraphOp> smooth_ops() {
  using T = Tensor;
  return {
      unary("tanh", tanh),
      unary("sigmoid", sigmoid),
      unary("sin", sin),
      unary("cos", cos),
      unary("softplus", [](T x) { return 0.7 * softplus(x); }),
      unary("silu", silu),
      unary("gelu", [](T x) { return gelu(x); }),
      unary("gelu_tanh", gelu_tanh),
      unary("beta_gelu", [](T x) { return beta_gelu(x, 1.5); }),
      unary("erf", erf),
      unary("normal_cdf", normal_cdf),
      unary("normal_pdf", [](T x) { return 2 * normal_pdf(x); }),
      unary("affine", [](T x) { return 0.2 - 0.9 * x; }),
      unary("exp", [](T x) { return exp(0.5 * tanh(x)); }),
      unary("expm1", [](T x) { return expm1(sin(x)); }),
      unary("log", [](T x) { return log(1.5 + tanh(x)); }),
      unary("log1p", [](T x) { return log1p(square(x)); }),
      unary("square", [](T x) { return square(tanh(x)); }),
      unary("sqrt", [](T x) { return sqrt(1 + square(x)) - 0.5; }),
      unary("rsqrt", [](T x) { return rsqrt(1 + square(x)); }),
      unary("reciprocal", [](T x) { return reciprocal(1.7 + sin(x)); }),
      unary("safe_sqrt", [](T x) { return safe_sqrt(0.5 + square(x)) - 0.5; }),
      unary("pow", [](T x) { return 0.5 * pow(1.5 + tanh(x), 2.5); }),
      unary("pow_3", [](T x) { return pow(sin(x), 3); }),
      unary("pow_-2", [](T x) { return pow(1.7 + cos(x), -2); }),
      binary("add", broadcast, [](T a, T b) { return 0.7 * (a + b); }),
      binary("sub", broadcast, [](T a, T b) { return 0.7 * (a - b); }),
      binary("mul", broadcast, [](T a, T b) { return a * sin(b); }),
      binary("div", broadcast, [](T a, T b) { return a / (1.7 + cos(b)); }),
      binary("pow_tensor", broadcast, [](T a, T b) { return pow(1.5 + tanh(a), sin(b)); }),
      unary(
          "sum_first", [](T x) { return 0.5 * sum(x, {0}); }, has_axis),
      unary(
          "sum_last_keepdims", [](T x) { return 0.5 * sum(x, {-1}, true); }, has_axis),
      unary("mean", [](T x) { return 2 * mean(x); }),
      unary(
          "variance_last", [](T x) { return variance(x, {-1}); }, has_axis),
      unary(
          "standardize_last", [](T x) { return standardize(x, {-1}, 0.5); }, has_axis),
      unary(
          "norm_last", [](T x) { return norm(1.5 + sin(x), {-1}, true) - 1; }, has_axis),
      unary(
          "logsumexp_last", [](T x) { return logsumexp(x, {-1}, true); }, has_axis),
      unary(
          "logsumexp", [](T x) { return logsumexp(x) - 1; }, has_axis),
      unary("variance", [](T x) { return variance(x); }),
      unary(
          "standardize_first", [](T x) { return standardize(x, {0}, 0.5); }, has_axis),
      unary(
          "batch_norm",
          [](T x) {
            return standardize(x, {0, 1, 2}, 0.1);
          },
          is_image),
      unary(
          "softmax_first", [](T x) { return 2 * softmax(x, 0); }, has_axis),
      unary(
          "softmax", [](T x) { return 2 * softmax(x); }, has_axis),
      unary(
          "log_softmax", [](T x) { return 0.5 * log_softmax(x); }, has_axis),
      unary(
          "cross_entropy", [](T x) { return cross_entropy(x, labels_for(x), 0.1); }, is_matrix),
      binary("soft_cross_entropy", same,
             [](T a, T b) { return soft_cross_entropy(a, softmax(b)); }),
      binary("binary_cross_entropy", same,
             [](T a, T b) { return binary_cross_entropy(a, sigmoid(b), Reduction::none); }),
      binary("mse", same, [](T a, T b) { return mse(tanh(a), b); }),
      unary("flatten", [](T x) { return reshape(x, {-1}); }),
      unary(
          "reverse_axes",
          [](T x) {
            Shape axes;
            for (int axis = x.rank(); axis-- > 0;) axes.push_back(axis);
            return permute(x, axes);
          },
          has_axis),
      unary(
          "add_axis",
          [](T x) {
            return broadcast_to(x, [&] {
              Shape shape{2};
              for (Index size : x.shape()) shape.push_back(size);
              return shape;
            }());
          },
          has_axis),
      unary(
          "flip_last", [](T x) { return flip(x, {-1}); }, has_axis),
      unary(
          "every_other", [](T x) { return slice(x, -1, 0, x.size(-1), 2); }, has_axis),
      unary(
          "pad", [](T x) { return pad(x, Shape::filled(x.rank(), 1), Shape::filled(x.rank(), 0)); },
          is_matrix),
      binary("concat", same,
             [](T a, T b) {
               return concat({a, b}, 0);
             }),
      binary("stack", same,
             [](T a, T b) {
               return stack({a, b});
             }),
      binary("outer", are_vectors, [](T a, T b) { return outer(tanh(a), b); }),
      binary("matmul", multiply<2, 1, 0>, [](T a, T b) { return 0.6 * matmul(tanh(a), b); }),
      binary("matmul_ta", multiply<2, 0, 0>,
             [](T a, T b) { return 0.6 * matmul(tanh(a), b, true); }),
      binary("matmul_tb", multiply<2, 1, 1>,
             [](T a, T b) { return 0.6 * matmul(tanh(a), b, false, true); }),
      binary("batched_matmul", multiply<3, 2, 1>,
             [](T a, T b) { return 0.6 * batched_matmul(tanh(a), b); }),
      binary("batched_matmul_ta", multiply<3, 1, 1>,
             [](T a, T b) { return 0.6 * batched_matmul(a, tanh(b), true); }),
      binary("batched_matmul_tb", multiply<3, 2, 2>,
             [](T a, T b) { return 0.6 * batched_matmul(tanh(a), b, false, true); }),
      binary("conv2d_dilation", convolve<2>,
             [](T x, T w) {
               return 0.3 * conv2d(tanh(x), w, {1, 1, 2});
             }),
      binary("conv2d_groups", convolve<1>,
             [](T x, T w) {
               return 0.5 * conv2d(x, tanh(slice(w, 2, 0, 1)), {1, 1, 1, x.size(3)});
             }),
      binary("conv2d_input_grad", spread,
             [](T w, T g) {
               const Shape image{g.size(0), g.size(1) + w.size(0) - 1, g.size(2) + w.size(1) - 1,
                                 w.size(2)};
               return 0.3 * conv2d_input_grad(tanh(w), g, {}, image);
             }),
      binary("conv2d_weight_grad", correlate,
             [](T x, T g) {
               const Shape kernel{x.size(1) - g.size(1) + 1, x.size(2) - g.size(2) + 1, x.size(3),
                                  g.size(3)};
               return 0.3 * conv2d_weight_grad(x, tanh(g), {}, kernel);
             }),
      binary("conv2d", convolve<1>,
             [](T x, T w) {
               return 0.3 * conv2d(x, tanh(w), {1, 1});
             }),
      binary("conv2d_stride", convolve<1>,
             [](T x, T w) {
               return 0.3 * conv2d(x, tanh(w), {2, 1});
             }),
      unary(
          "average_pool",
          [](T x) {
            return average_pool2d(x, {2, 1, 0});
          },
          is_image),
      unary(
          "average_pool_padded",
          [](T x) {
            return average_pool2d(x, {2, 2, 1});
          },
          is_image),
      unary("global_average_pool", global_average_pool, is_image),
  };
}

}  // namespace

const std::vector<GraphOp>& graph_ops() {
  static const std::vector<GraphOp> ops = [] {
    std::vector<GraphOp> all = smooth_ops();
    for (GraphOp& op : kinked_graph_ops()) all.push_back(std::move(op));
    return all;
  }();
  return ops;
}

}  // namespace twice::experiments
