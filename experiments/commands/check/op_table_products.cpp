// Rows of the op table: matrix products and convolutions, with every flag and geometry.
#include "autodiff/derive/grad.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/batched_matmul.h"
#include "autodiff/ops/conv.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/pool.h"
#include "autodiff/ops/power.h"
#include "experiments/commands/check/op_table.h"

namespace twice::experiments {

namespace {

using X = const Tensors&;

/// The three convolutions of one geometry: images x, kernel w, and what they give, g.
void add_convolutions(std::vector<OpCase>& rows, const std::string& label, const Shape& x,
                      const Shape& w, const ConvGeometry& geometry,
                      const std::function<RandomArray(const Shape&)>& draw = normal) {
  const Shape g = kernel::conv2d_shape(x, w, geometry);
  rows.push_back({"conv2d", label, {draw(x), draw(w)}, [=](X t) {
                    return square(conv2d(t[0], t[1], geometry));
                  }});
  rows.push_back({"conv2d_input_grad", label, {draw(w), draw(g)}, [=](X t) {
                    return square(conv2d_input_grad(t[0], t[1], geometry, x));
                  }});
  rows.push_back({"conv2d_weight_grad", label, {draw(x), draw(g)}, [=](X t) {
                    return square(conv2d_weight_grad(t[0], t[1], geometry, w));
                  }});
}

}  // namespace

std::vector<OpCase> product_cases() {
  const PoolGeometry overlapping{3, 2, 1};
  const Shape image{1, 5, 4, 2}, pooled = kernel::pool2d_shape(image, overlapping);
  std::vector<OpCase> rows{
      {"matmul", "A B", {normal({2, 3}), normal({3, 4})}, [](X x) { return matmul(x[0], x[1]); }},
      {"matmul",
       "A' B",
       {normal({3, 2}), normal({3, 4})},
       [](X x) { return matmul(x[0], x[1], true, false); }},
      {"matmul",
       "A B'",
       {normal({2, 3}), normal({4, 3})},
       [](X x) { return matmul(x[0], x[1], false, true); }},
      {"matmul",
       "A' B'",
       {normal({3, 2}), normal({4, 3})},
       [](X x) { return matmul(x[0], x[1], true, true); }},
      {"matmul",
       "A A'",
       {normal({3, 4})},
       [](X x) { return square(matmul(x[0], x[0], false, true)); }},

      {"batched_matmul",
       "A B",
       {normal({2, 2, 3}), normal({2, 3, 2})},
       [](X x) { return square(batched_matmul(x[0], x[1])); }},
      {"batched_matmul",
       "A' B",
       {normal({2, 3, 2}), normal({2, 3, 2})},
       [](X x) { return square(batched_matmul(x[0], x[1], true, false)); }},
      {"batched_matmul",
       "A B'",
       {normal({2, 2, 3}), normal({2, 2, 3})},
       [](X x) { return square(batched_matmul(x[0], x[1], false, true)); }},
      {"batched_matmul",
       "A' B'",
       {normal({2, 3, 2}), normal({2, 2, 3})},
       [](X x) { return square(batched_matmul(x[0], x[1], true, true)); }},
      {"matmul",
       "outer",
       {normal({3}), normal({4})},
       [](X x) { return square(outer(x[0], x[1])); }},

      {"average_pool2d",
       "",
       {normal({1, 4, 4, 2})},
       [](X x) { return square(average_pool2d(x[0])); }},
      {"average_pool2d",
       "overlapping, padded",
       {normal(image)},
       [=](X x) { return square(average_pool2d(x[0], overlapping)); }},
      {"average_pool2d_adjoint",
       "overlapping, padded",
       {normal(pooled)},
       [=](X x) { return square(average_pool2d_adjoint(x[0], overlapping, image)); }},
      {"max_pool2d_indices",
       "max_pool2d",
       {distinct({1, 4, 4, 2})},
       [](X x) { return square(max_pool2d(x[0])); }},
      {"pool_gather",
       "overlapping, padded",
       {distinct(image)},
       [=](X x) { return square(max_pool2d(x[0], overlapping)); }},
      // The adjoint of pool_gather, which has no public function of its own.
      {"pool_scatter",
       "",
       {distinct(image), normal(pooled)},
       [=](X x) { return square(grad(max_pool2d(x[0], overlapping), {x[0]}, x[1])[0]) * x[0]; }},
      {"sum_to",
       "global_average_pool",
       {normal(image)},
       [](X x) { return square(global_average_pool(x[0])); }},
  };
  add_convolutions(rows, "3 x 3", {2, 4, 4, 2}, {3, 3, 2, 3}, {});
  add_convolutions(rows, "padding 1", {1, 4, 5, 2}, {3, 3, 2, 2}, {1, 1, 1, 1});
  add_convolutions(rows, "stride 2, padding 1", {1, 6, 5, 2}, {3, 3, 2, 2}, {2, 1, 1, 1});
  add_convolutions(rows, "stride 2, 1 x 1", {1, 5, 4, 3}, {1, 1, 3, 2}, {2, 0, 1, 1});
  add_convolutions(rows, "dilation 2", {1, 6, 5, 1}, {3, 2, 1, 2}, {1, 1, 2, 1});
  add_convolutions(rows, "2 groups", {1, 4, 4, 4}, {3, 3, 2, 4}, {1, 1, 1, 2});
  // Channels and tiles enough for the planner to take Winograd's kernels, all three. Their sums are
  // long: smaller numbers keep them near 1, and the rounding of finite differences small.
  const auto small = [](const Shape& shape) { return uniform(shape, -0.5, 0.5); };
  add_convolutions(rows, "winograd", {8, 7, 8, 16}, {3, 3, 16, 32}, {1, 1, 1, 1}, small);
  return rows;
}

}  // namespace twice::experiments
