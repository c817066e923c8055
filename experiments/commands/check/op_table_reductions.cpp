// Rows of the op table: softmax and its relatives, losses, normalisation.
#include "autodiff/derive/grad.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/loss.h"
#include "autodiff/ops/normalize.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/softmax.h"
#include "experiments/commands/check/op_table.h"

namespace twice::experiments {

namespace {

using X = const Tensors&;

}  // namespace

std::vector<OpCase> reduction_cases() {
  const Shape s{3, 5}, block{2, 3, 4};
  const auto labels = indices({3}, 5);
  return {
      {"softmax", "", {normal(s)}, [](X x) { return softmax(x[0]); }},
      {"softmax", "axis 0", {normal(s)}, [](X x) { return softmax(x[0], 0); }},
      {"softmax_product",
       "",
       {normal(s), normal(s)},
       [](X x) { return grad(softmax(x[0]), {x[0]}, x[1]); }},
      {"log_softmax", "", {normal(s)}, [](X x) { return log_softmax(x[0]); }},
      {"log_softmax", "axis 1 of 3", {normal(block)}, [](X x) { return log_softmax(x[0], 1); }},
      {"logsumexp", "", {normal(s)}, [](X x) { return logsumexp(x[0], {-1}); }},
      {"logsumexp",
       "axes 0 and 2",
       {normal(block)},
       [](X x) {
         return logsumexp(x[0], {0, 2}, true);
       }},
      {"logsumexp", "everything", {normal(s)}, [](X x) { return logsumexp(x[0]); }},

      {"cross_entropy", "mean", {normal(s), labels}, [](X x) { return cross_entropy(x[0], x[1]); }},
      {"cross_entropy",
       "each example",
       {normal(s), labels},
       [](X x) { return cross_entropy(x[0], x[1], 0, Reduction::none); }},
      {"cross_entropy",
       "label smoothing",
       {normal(s), labels},
       [](X x) { return cross_entropy(x[0], x[1], 0.1, Reduction::sum); }},
      {"softmax_error",
       "",
       {normal(s), labels},
       [](X x) {
         const Tensor losses = cross_entropy(x[0], x[1], 0, Reduction::none);
         return square(grad(sum(losses), {x[0]})[0]);
       }},
      {"log_softmax",
       "in soft_cross_entropy",
       {normal(s), uniform(s, 0, 1)},
       [](X x) { return soft_cross_entropy(x[0], x[1]); }},
      {"softplus",
       "in binary_cross_entropy",
       {normal(s), uniform(s, 0, 1)},
       [](X x) { return binary_cross_entropy(x[0], x[1]); }},
      {"square", "in mse", {normal(s), normal(s)}, [](X x) { return mse(x[0], x[1]); }},
      {"clamp",
       "in huber",
       {distinct(s), uniform(s, -0.01, 0.01)},
       [](X x) { return huber(x[0], x[1], 0.9); }},

      {"center",
       "axes 0 and 2",
       {normal(block)},
       [](X x) {
         return square(center(x[0], {0, 2}));
       }},
      {"center", "everything", {normal(s)}, [](X x) { return square(center(x[0])); }},
      {"variance",
       "axes 0 and 2",
       {normal(block)},
       [](X x) {
         return variance(x[0], {0, 2});
       }},
      {"variance", "everything", {normal(s)}, [](X x) { return variance(x[0]); }},
      // A part of standardize's derivative, which has no public function of its own.
      {"inverse_deviation",
       "",
       {normal(s)},
       [](X x) { return grad(sum(pow(standardize(x[0], {-1}, 0.1), 3)), {x[0]})[0]; }},
      {"standardize", "layer norm", {normal(s)}, [](X x) { return standardize(x[0], {-1}, 0.1); }},
      {"standardize",
       "batch norm",
       {normal({5, 2, 3})},
       [](X x) {
         return standardize(x[0], {0, 1});
       }},
  };
}

}  // namespace twice::experiments
