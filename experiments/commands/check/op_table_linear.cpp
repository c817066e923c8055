// Rows of the op table: ops that move, repeat and pick numbers. A linear op would have no second
// derivative, so most rows square what they move: then order 2 and 3 go through the adjoints.
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/concat.h"
#include "autodiff/ops/index.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/slice.h"
#include "experiments/commands/check/op_table.h"

namespace twice::experiments {

namespace {

using X = const Tensors&;

Tensor cube(Tensor x) { return x * square(x); }

}  // namespace

std::vector<OpCase> linear_cases() {
  const Shape s{3, 4}, block{2, 3, 4};
  const auto index_list = indices({5}, 3);
  return {
      {"broadcast_to", "new axis", {normal({4})}, [s](X x) { return cube(broadcast_to(x[0], s)); }},
      {"broadcast_to",
       "size 1",
       {normal({2, 1, 4})},
       [block](X x) { return cube(broadcast_to(x[0], block)); }},
      {"broadcast_to", "scalar", {normal({})}, [s](X x) { return cube(broadcast_to(x[0], s)); }},
      {"sum_to",
       "leading axis",
       {normal(block)},
       [](X x) {
         return cube(sum_to(x[0], {3, 4}));
       }},
      {"sum_to",
       "inner axis",
       {normal(block)},
       [](X x) {
         return cube(sum_to(x[0], {2, 1, 4}));
       }},
      {"sum_to",
       "sum",
       {normal(block)},
       [](X x) {
         return cube(sum(x[0], {-1, 0}));
       }},
      {"sum_to", "mean", {normal(block)}, [](X x) { return cube(mean(x[0], {1}, true)); }},
      {"sum_to", "norm", {normal(block)}, [](X x) { return cube(norm(x[0], {1})); }},
      {"sum_to", "everything", {normal(block)}, [](X x) { return cube(sum(x[0])); }},

      {"reshape",
       "",
       {normal(s)},
       [](X x) {
         return cube(reshape(x[0], {2, -1}));
       }},
      {"permute",
       "",
       {normal(block)},
       [](X x) {
         return cube(permute(x[0], {2, 0, 1}));
       }},
      {"permute", "transpose", {normal(s)}, [](X x) { return cube(transpose(x[0])); }},
      // Its derivative is zero by decree, so what it cuts off is a step function here.
      {"stop_gradient",
       "",
       {distinct(s)},
       [](X x) { return stop_gradient(positive(x[0])) * cube(x[0]); }},

      {"slice", "", {normal(block)}, [](X x) { return cube(slice(x[0], 1, 1, 3)); }},
      {"slice", "step 2", {normal({7})}, [](X x) { return cube(slice(x[0], 0, 1, 7, 2)); }},
      {"slice", "flip", {normal(s)}, [](X x) { return cube(flip(x[0], {1})); }},
      {"pad",
       "",
       {normal(s)},
       [](X x) {
         return cube(pad(x[0], {1, 0}, {0, 2}));
       }},
      {"concat",
       "",
       {normal({2, 3}), normal({2, 1}), normal({2, 2})},
       [](X x) {
         return cube(concat({x[0], x[1], x[2]}, 1));
       }},
      {"concat", "stack", {normal(s), normal(s)}, [](X x) { return cube(stack(x, -1)); }},

      {"gather", "", {normal(s), index_list}, [](X x) { return cube(gather(x[0], x[1])); }},
      {"gather",
       "index matrix",
       {normal({4}), indices({2, 3}, 4)},
       [](X x) { return cube(gather(x[0], x[1])); }},
      {"scatter_add",
       "",
       {normal({5, 2}), index_list},
       [](X x) { return cube(scatter_add(x[0], x[1], 3)); }},
      {"gather_along",
       "",
       {normal(block), indices({2, 5, 4}, 3)},
       [](X x) { return cube(gather_along(x[0], x[1], 1)); }},
      {"scatter_along",
       "",
       {normal(block), indices(block, 5)},
       [](X x) { return cube(scatter_along(x[0], x[1], 2, 5)); }},
      {"one_hot",
       "",
       {normal({5, 3}), index_list},
       [](X x) { return cube(x[0] * one_hot(x[1], 3, x[0].dtype())); }},
      {"argmax", "max", {distinct(block)}, [](X x) { return cube(max(x[0], {2})); }},
      {"argmax",
       "max over two axes",
       {distinct(block)},
       [](X x) {
         return cube(max(x[0], {0, 2}, true));
       }},
      {"argmax",
       "along the first axis",
       {distinct(s)},
       [](X x) { return cube(gather_along(x[0], argmax(x[0], 0, true), 0)); }},
      {"argmin", "min", {distinct(block)}, [](X x) { return cube(min(x[0], {1})); }},
  };
}

}  // namespace twice::experiments
