// Ops exactly at their kinks and ties, where a finite difference says nothing: which of the slopes
// is taken is a choice, and ours are PyTorch's. Written by `check --write` and compared there. Not
// elu: its second derivative at 0 is ours from the left, like the first, but PyTorch's 0.
#include <cmath>

#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/compare.h"
#include "autodiff/ops/index.h"
#include "autodiff/ops/loss.h"
#include "autodiff/ops/pool.h"
#include "autodiff/ops/power.h"
#include "experiments/commands/check/op_table.h"

namespace twice::experiments {

namespace {

using X = const Tensors&;

/// -1, 0 and 1 in random order, with many repetitions.
RandomArray grid(const Shape& shape) {
  return [=](const Rng& rng) {
    const Array result(shape, DType::f64);
    for (Index i = 0; i < result.elements(); ++i)
      result.set(i, std::floor(3 * rng.uniform(static_cast<std::uint64_t>(i))) - 1);
    return result;
  };
}

Tensor squared_sum(Tensor y, Tensor x) { return square(y + x); }

}  // namespace

std::vector<OpCase> kink_cases() {
  const Shape s{4, 5};
  return {
      {"relu", "at 0", {grid(s)}, [](X x) { return squared_sum(relu(x[0]), x[0]); }},
      {"leaky_relu",
       "at 0",
       {grid(s)},
       [](X x) { return squared_sum(leaky_relu(x[0], 0.2), x[0]); }},
      {"abs", "at 0", {grid(s)}, [](X x) { return squared_sum(abs(x[0]), x[0]); }},
      {"sign", "at 0", {grid(s)}, [](X x) { return squared_sum(sign(x[0]), x[0]); }},
      {"clamp", "at its ends", {grid(s)}, [](X x) { return square(clamp(x[0], -1, 0) + x[0]); }},
      {"maximum", "ties", {grid(s), grid(s)}, [](X x) { return square(maximum(x[0], x[1])); }},
      {"minimum", "ties", {grid(s), grid(s)}, [](X x) { return square(minimum(x[0], x[1])); }},
      {"where",
       "mask 0",
       {grid(s), normal(s), normal(s)},
       [](X x) { return square(where(x[0], x[1], x[2])); }},
      {"argmax", "ties", {grid(s)}, [](X x) { return square(max(x[0], {1}) + 1); }},
      {"argmin", "ties", {grid(s)}, [](X x) { return square(min(x[0], {0}) + 2); }},
      {"max_pool2d_indices",
       "ties",
       {grid({1, 4, 4, 2})},
       [](X x) {
         return square(max_pool2d(x[0], {2, 1, 0}) + 2);
       }},
      {"pow", "at 0", {grid(s)}, [](X x) { return pow(x[0], 3) + pow(x[0], 4); }},
      {"square",
       "in huber, at its ends",
       {grid(s), grid(s)},
       [](X x) { return huber(x[0], x[1], 1); }},
  };
}

}  // namespace twice::experiments
