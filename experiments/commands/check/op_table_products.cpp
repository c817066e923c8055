// Rows of the op table: matrix products and convolutions, with every flag and geometry, and
// pooling.
#include "autodiff/derive/grad.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/batched_matmul.h"
#include "autodiff/ops/conv.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/pool.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/slice.h"
#include "experiments/commands/check/op_rows.h"

namespace twice::experiments::rows {

namespace {

const PoolGeometry overlapping{3, 2, 1};
const Shape image{1, 5, 4, 2};

bool are_vectors(const Shapes& x) { return x[0].rank() == 1 && x[1].rank() == 1; }

/// Axis a of the first input and axis b of the second are contracted.
template <int rank, int a, int b>
bool multiply(const Shapes& x) {
  return x[0].rank() == rank && x[1].rank() == rank && x[0][a] == x[1][b] &&
         (rank == 2 || x[0][0] == x[1][0]);
}

/// Images and a kernel that fits them with padding 1 and dilation `by`.
template <int by>
bool convolve(const Shapes& x) {
  const auto fits = [&](int i) { return by * (x[1][i] - 1) + 1 <= x[0][i + 1] + 2; };
  return x[0].rank() == 4 && x[1].rank() == 4 && x[0][3] == x[1][2] && fits(0) && fits(1);
}

/// With a group for each channel of the images.
bool convolve_in_groups(const Shapes& x) { return convolve<1>(x) && x[1][3] % x[0][3] == 0; }

/// A kernel and a cotangent, or images and a cotangent, of one convolution without padding.
bool spread(const Shapes& x) { return x[0].rank() == 4 && x[1].rank() == 4 && x[0][3] == x[1][3]; }
bool correlate(const Shapes& x) {
  return x[0].rank() == 4 && x[1].rank() == 4 && x[0][0] == x[1][0] && x[1][1] <= x[0][1] &&
         x[1][2] <= x[0][2];
}

Tensor spread_out(Tensor w, Tensor g) {
  const Shape images{g.size(0), g.size(1) + w.size(0) - 1, g.size(2) + w.size(1) - 1, w.size(2)};
  return 0.3 * conv2d_input_grad(tanh(w), g, {}, images);
}

Tensor correlated(Tensor x, Tensor g) {
  const Shape kernel{x.size(1) - g.size(1) + 1, x.size(2) - g.size(2) + 1, x.size(3), g.size(3)};
  return 0.3 * conv2d_weight_grad(x, tanh(g), {}, kernel);
}

Tensor in_groups(Tensor x, Tensor w) {
  return 0.5 * conv2d(x, tanh(slice(w, 2, 0, 1)), {1, 1, 1, x.size(3)});
}

template <Index stride, Index padding, Index dilation>
Tensor convolved(Tensor x, Tensor w) {
  constexpr double scale = 0.3;
  return scale * (dilation > 1 ? conv2d(tanh(x), w, {stride, padding, dilation})
                               : conv2d(x, tanh(w), {stride, padding, dilation}));
}

/// The differences of all pairs of numbers.
Tensor pairs(X x) {
  const Index n = x[0].shape().elements();
  const Array diagonal = Array(Shape{n, n}, DType::f64);
  for (Index i = 0; i < n * n; ++i) diagonal.set(i, i % (n + 1) == 0 ? 10 : 0);
  return reshape(x[0], {n, 1}) - reshape(x[0], {1, n}) + x[0].tape().constant(diagonal);
}

}  // namespace

std::vector<OpRow> products() {
  const auto product = [](bool ta, bool tb) {
    return [=](X x) { return matmul(x[0], x[1], ta, tb); };
  };
  const auto square_of = [](bool ta, bool tb) {
    return [=](X x) { return square(batched_matmul(x[0], x[1], ta, tb)); };
  };
  std::vector<OpRow> list{
      function("matmul(A, B, ta, tb)", "A B, each transposed when its flag is set",
               "by A: g B', by B: A' g (transposed when flagged)", {normal({2, 3}), normal({3, 4})},
               [](X x) { return matmul(x[0], x[1]); })
          .check("A B")
          .check("A' B", {normal({3, 2}), normal({3, 4})}, product(true, false))
          .check("A B'", {normal({2, 3}), normal({4, 3})}, product(false, true))
          .check("A' B'", {normal({3, 2}), normal({4, 3})}, product(true, true))
          .check("A A'", {normal({3, 4})},
                 [](X x) { return square(matmul(x[0], x[0], false, true)); })
          .graph("matmul", multiply<2, 1, 0>, [](T a, T b) { return 0.6 * matmul(tanh(a), b); })
          .graph("matmul_ta", multiply<2, 0, 0>,
                 [](T a, T b) { return 0.6 * matmul(tanh(a), b, true); })
          .graph("matmul_tb", multiply<2, 1, 1>,
                 [](T a, T b) { return 0.6 * matmul(tanh(a), b, false, true); }),
      function("batched_matmul(A, B, ta, tb)", "A[i] B[i]", "as matmul, for each i",
               {normal({2, 2, 3}), normal({2, 3, 2})},
               [](X x) { return batched_matmul(x[0], x[1]); })
          .check("A B", {normal({2, 2, 3}), normal({2, 3, 2})}, square_of(false, false))
          .check("A' B", {normal({2, 3, 2}), normal({2, 3, 2})}, square_of(true, false))
          .check("A B'", {normal({2, 2, 3}), normal({2, 2, 3})}, square_of(false, true))
          .check("A' B'", {normal({2, 3, 2}), normal({2, 2, 3})}, square_of(true, true))
          .graph("batched_matmul", multiply<3, 2, 1>,
                 [](T a, T b) { return 0.6 * batched_matmul(tanh(a), b); })
          .graph("batched_matmul_ta", multiply<3, 1, 1>,
                 [](T a, T b) { return 0.6 * batched_matmul(a, tanh(b), true); })
          .graph("batched_matmul_tb", multiply<3, 2, 2>,
                 [](T a, T b) { return 0.6 * batched_matmul(tanh(a), b, false, true); }),
      function("outer(a, b)", "a_i b_j", "by a: g b, by b: g' a", {normal({3}), normal({4})},
               [](X x) { return outer(x[0], x[1]); })
          .built("matmul")
          .check(square, "outer")
          .graph("outer", are_vectors, [](T a, T b) { return outer(tanh(a), b); }),
  };
  const Shape images{1, 4, 4, 2}, kernel{3, 3, 2, 3}, outputs{1, 2, 2, 3};
  Row conv = function("conv2d(x, w, geometry)", "x * w = dT/dg for T(x, w, g) = <x * w, g>",
                      "by x: conv2d_input_grad(w, g), by w: conv2d_weight_grad(x, g)",
                      {normal(images), normal(kernel)}, [](X x) { return conv2d(x[0], x[1]); });
  Row by_input = function("conv2d_input_grad(w, g, geometry, shape)", "dT/dx",
                          "by w: conv2d_weight_grad(c, g), by g: conv2d(c, w), c the cotangent",
                          {normal(kernel), normal(outputs)},
                          [=](X x) { return conv2d_input_grad(x[0], x[1], {}, images); });
  Row by_weight = function("conv2d_weight_grad(x, g, geometry, shape)", "dT/dw",
                           "by x: conv2d_input_grad(c, g), by g: conv2d(x, c)",
                           {normal(images), normal(outputs)},
                           [=](X x) { return conv2d_weight_grad(x[0], x[1], {}, kernel); });
  const auto check = [&](const std::string& label, const Shape& x, const Shape& w,
                         const ConvGeometry& geometry, RandomArray (*draw)(const Shape&) = normal) {
    const Shape g = kernel::conv2d_shape(x, w, geometry);
    conv.check(label, {draw(x), draw(w)},
               [=](X t) { return square(conv2d(t[0], t[1], geometry)); });
    by_input.check(label, {draw(w), draw(g)},
                   [=](X t) { return square(conv2d_input_grad(t[0], t[1], geometry, x)); });
    by_weight.check(label, {draw(x), draw(g)},
                    [=](X t) { return square(conv2d_weight_grad(t[0], t[1], geometry, w)); });
  };
  check("3 x 3", {2, 4, 4, 2}, {3, 3, 2, 3}, {});
  check("padding 1", {1, 4, 5, 2}, {3, 3, 2, 2}, {1, 1, 1, 1});
  check("stride 2, padding 1", {1, 6, 5, 2}, {3, 3, 2, 2}, {2, 1, 1, 1});
  check("stride 2, 1 x 1", {1, 5, 4, 3}, {1, 1, 3, 2}, {2, 0, 1, 1});
  check("dilation 2", {1, 6, 5, 1}, {3, 2, 1, 2}, {1, 1, 2, 1});
  check("2 groups", {1, 4, 4, 4}, {3, 3, 2, 4}, {1, 1, 1, 2});
  // Enough channels and tiles for the planner to choose all three Winograd kernels. The sums are
  // long, so smaller numbers keep the results near 1 and the rounding in finite differences small.
  check("winograd", {8, 7, 8, 16}, {3, 3, 16, 32}, {1, 1, 1, 1},
        [](const Shape& shape) { return uniform(shape, -0.5, 0.5); });
  conv.graph("conv2d", convolve<1>, convolved<1, 1, 1>)
      .graph("conv2d_stride", convolve<1>, convolved<2, 1, 1>)
      .graph("conv2d_dilation", convolve<2>, convolved<1, 1, 2>)
      .graph("conv2d_groups", convolve_in_groups, in_groups);
  list.insert(list.end(), {conv, by_input.graph("conv2d_input_grad", spread, spread_out),
                           by_weight.graph("conv2d_weight_grad", correlate, correlated)});
  return list;
}

std::vector<OpRow> pooling() {
  const Shape images{1, 4, 4, 2}, pooled{1, 2, 2, 2},
      overlapped = kernel::pool2d_shape(image, overlapping);
  const PoolGeometry close{2, 1, 0}, wide{2, 2, 1};
  return {
      function("average_pool2d(x, geometry)", "mean of each window, padding counted as zeros",
               "adjoint: average_pool2d_adjoint", {normal(images)},
               [](X x) { return average_pool2d(x[0]); })
          .check(square)
          .check("overlapping, padded", {normal(image)},
                 [](X x) { return square(average_pool2d(x[0], overlapping)); })
          .graph("average_pool", is_image, [=](T x) { return average_pool2d(x, close); })
          .graph("average_pool_padded", is_image, [=](T x) { return average_pool2d(x, wide); }),
      function("average_pool2d_adjoint(g, geometry, shape)", "g / window^2 spread over each window",
               "adjoint: average_pool2d", {normal(pooled)},
               [=](X x) { return average_pool2d_adjoint(x[0], {}, images); })
          .check("overlapping, padded", {normal(overlapped)},
                 [](X x) { return square(average_pool2d_adjoint(x[0], overlapping, image)); }),
      function("max_pool2d(x, geometry)", "maximum of each window",
               "1 at a window's first maximum, else 0", {distinct(images)},
               [](X x) { return max_pool2d(x[0]); })
          .built("max_pool2d_indices",
                 "`pool_gather` (Linear; adjoint: `pool_scatter`) at max_pool2d_indices")
          .check(square, "max_pool2d")
          .graph(
              "max_pool", is_image, [=](T x) { return max_pool2d(x, close); }, pairs)
          .graph(
              "max_pool_padded", is_image, [=](T x) { return max_pool2d(x, wide); }, pairs)
          .kink("ties", {repeated(images)},
                [=](X x) { return square(max_pool2d(x[0], close) + 2); }),
      function("max_pool2d_indices(x, geometry)", "position of each window's first maximum", "0",
               {distinct(images)}, [](X x) { return max_pool2d_indices(x[0]); }),
      derivative_op("pool_gather")
          .check("overlapping, padded", {distinct(image)},
                 [](X x) { return square(max_pool2d(x[0], overlapping)); }),
      derivative_op("pool_scatter")
          .check("", {distinct(image), normal(overlapped)},
                 [](X x) {
                   const Tensor y = max_pool2d(x[0], overlapping);
                   return square(grad(y, {x[0]}, x[1])[0]) * x[0];
                 }),
      function("global_average_pool(x)", "mean over height and width", "adjoint: broadcast / n",
               {normal(image)}, [](X x) { return global_average_pool(x[0]); })
          .built("sum_to", "mean")
          .check(square, "global_average_pool")
          .graph("global_average_pool", is_image, global_average_pool),
  };
}

}  // namespace twice::experiments::rows
