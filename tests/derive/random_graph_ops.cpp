// The table of ops that random graphs are drawn from.
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/batched_matmul.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/concat.h"
#include "autodiff/ops/conv.h"
#include "autodiff/ops/exponential.h"
#include "autodiff/ops/index.h"
#include "autodiff/ops/loss.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/normalize.h"
#include "autodiff/ops/pool.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/slice.h"
#include "autodiff/ops/softmax.h"
#include "autodiff/ops/trigonometric.h"
#include "tests/derive/random_graphs.h"

namespace twice::testing {

namespace {

using Shapes = std::vector<Shape>;

bool any(const Shapes&) { return true; }
bool has_axis(const Shapes& x) { return x[0].rank() >= 1 && x[0].rank() < 4; }
bool is_matrix(const Shapes& x) { return x[0].rank() == 2; }
bool is_image(const Shapes& x) { return x[0].rank() == 4 && x[0][1] >= 2 && x[0][2] >= 2; }
bool equal(const Shapes& x) { return has_axis(x) && x[0] == x[1]; }
bool are_vectors(const Shapes& x) { return x[0].rank() == 1 && x[1].rank() == 1; }

bool broadcast(const Shapes& x) {
  for (int back = 1; back <= std::min(x[0].rank(), x[1].rank()); ++back) {
    const Index a = x[0][x[0].rank() - back], b = x[1][x[1].rank() - back];
    if (a != b && a != 1 && b != 1) return false;
  }
  return true;
}

/// Axes a of the first and b of the second are contracted.
template <int rank, int a, int b>
bool multiply(const Shapes& x) {
  return x[0].rank() == rank && x[1].rank() == rank && x[0][a] == x[1][b] &&
         (rank == 2 || x[0][0] == x[1][0]);
}

bool convolve(const Shapes& x) {
  return x[0].rank() == 4 && x[1].rank() == 4 && x[0][3] == x[1][2] && x[1][0] <= x[0][1] + 2 &&
         x[1][1] <= x[0][2] + 2;
}

Tensor labels_for(Tensor logits) {
  Array labels({logits.size(0)}, DType::i32);
  for (Index i = 0; i < labels.elements(); ++i)
    labels.set(i, static_cast<double>((i + 1) % logits.size(1)));
  return logits.tape().constant(labels);
}

Tensor last_first_first(Tensor x) {
  const auto last = static_cast<std::int32_t>(x.size(0) - 1);
  return gather(x, x.tape().constant(Array::from(std::vector{last, 0, 0}, {3})));
}

GraphOp unary(const char* name, Tensor (*apply)(Tensor), bool (*accepts)(const Shapes&) = any) {
  return {name, 1, accepts, [apply](const Tensors& x) { return apply(x[0]); }};
}

GraphOp binary(const char* name, bool (*accepts)(const Shapes&), Tensor (*apply)(Tensor, Tensor)) {
  return {name, 2, accepts, [apply](const Tensors& x) { return apply(x[0], x[1]); }};
}

std::vector<GraphOp> make_ops() {
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
      unary("pow", [](T x) { return 0.5 * pow(1.5 + tanh(x), 2.5); }),
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
          "softmax", [](T x) { return 2 * softmax(x); }, has_axis),
      unary(
          "log_softmax", [](T x) { return 0.5 * log_softmax(x); }, has_axis),
      unary(
          "cross_entropy", [](T x) { return cross_entropy(x, labels_for(x), 0.1); }, is_matrix),
      binary("mse", equal, [](T a, T b) { return mse(tanh(a), b); }),
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
      unary("gather", last_first_first, has_axis),
      binary("concat", equal,
             [](T a, T b) {
               return concat({a, b}, 0);
             }),
      binary("stack", equal,
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
      binary("conv2d", convolve,
             [](T x, T w) {
               return 0.3 * conv2d(x, tanh(w), {1, 1});
             }),
      binary("conv2d_stride", convolve,
             [](T x, T w) {
               return 0.3 * conv2d(x, tanh(w), {2, 1});
             }),
      unary(
          "average_pool",
          [](T x) {
            return average_pool2d(x, {2, 1, 0});
          },
          is_image),
      unary("global_average_pool", global_average_pool, is_image),
  };
}

}  // namespace

const std::vector<GraphOp>& graph_ops() {
  static const std::vector<GraphOp> ops = make_ops();
  return ops;
}

}  // namespace twice::testing
