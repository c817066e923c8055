// Rows of the op table: ops that only models record, and layers made of several ops.
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/power.h"
#include "experiments/commands/check/op_table.h"
#include "nn/layers.h"

namespace twice::experiments {

namespace {

using X = const Tensors&;

/// A layer in training mode: x, then its parameters. The mask of a dropout is that of (seed 5, step
/// 3), a constant of the derivative.
Tensor trained(const Layer& layer, const Tensors& x) {
  ForwardPass pass;
  pass.dropout = DropoutKey{Rng(5), x[0].tape().constant(3, DType::i32)};
  return layer.forward(std::span(x).subspan(1), {}, x[0], pass);
}

}  // namespace

std::vector<OpCase> layer_cases() {
  const Shape s{3, 5}, image{2, 3, 3, 2};
  return {
      {"dropout_mask",
       "dropout",
       {normal(s)},
       [](X x) { return square(trained(dropout(0.4, 1), x)); }},
      {"dropout_mask",
       "another use and rate",
       {normal(s)},
       [](X x) { return square(trained(dropout(0.7, 2), x)); }},
      {"standardize",
       "in batch_norm",
       {normal(image), normal({2}), normal({2})},
       [](X x) { return square(trained(batch_norm(2), x)); }},
      {"standardize",
       "in layer_norm",
       {normal(s), normal({5}), normal({5})},
       [](X x) { return square(trained(layer_norm(5), x)); }},
  };
}

}  // namespace twice::experiments
