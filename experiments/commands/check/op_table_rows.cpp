// Rows of the op table: softmax and its relatives, normalization, losses, and dropout.
#include "autodiff/derive/grad.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/compare.h"
#include "autodiff/ops/exponential.h"
#include "autodiff/ops/loss.h"
#include "autodiff/ops/normalize.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/softmax.h"
#include "experiments/commands/check/op_rows.h"
#include "nn/layers.h"

namespace twice::experiments::rows {

namespace {

const Shape s{3, 5}, image{2, 3, 3, 2}, ties{4, 5};
const RandomArray labels = indices({3}, 5);

/// Runs a layer in training mode on x[0]. The other elements of x are the layer's parameters. The
/// mask of a dropout comes from seed 5, step 3, and is a constant for differentiation.
Tensor trained(const Layer& layer, const Tensors& x) {
  ForwardPass pass;
  pass.dropout = [&] { return DropoutKey{Rng(5), x[0].tape().constant(3, DType::i32)}; };
  return layer.forward(std::span(x).subspan(1), {}, x[0], pass);
}

Tensor labels_for(Tensor logits) {
  Array classes({logits.size(0)}, DType::i32);
  for (Index i = 0; i < classes.elements(); ++i)
    classes.set(i, static_cast<double>((i + 1) % logits.size(1)));
  return logits.tape().constant(classes);
}

Tensor huber_kinks(X x) { return abs(tanh(x[0]) - x[1]) - 0.7; }

}  // namespace

std::vector<OpRow> normalizing() {
  const auto each_example = [](X x) { return cross_entropy(x[0], x[1], 0, Reduction::none); };
  return {
      function("softmax(x, axis)", "e^x_i / sum_j e^x_j",
               "J v = y (v - sum(y v)), symmetric (op `softmax_product`)", {normal(s)},
               [](X x) { return softmax(x[0]); })
          .check()
          .check("axis 0", {normal(s)}, [](X x) { return softmax(x[0], 0); })
          .graph("softmax", has_axis, [](T x) { return 2 * softmax(x); })
          .graph("softmax_first", has_axis, [](T x) { return 2 * softmax(x, 0); }),
      derivative_op("softmax_product")
          .check("", {normal(s), normal(s)}, [](X x) { return grad(softmax(x[0]), {x[0]}, x[1]); }),
      function("log_softmax(x, axis)", "x_i - ln sum_j e^x_j",
               "J v = v - sum(e^y v), J' g = g - e^y sum(g)", {normal(s)},
               [](X x) { return log_softmax(x[0]); })
          .check()
          .check("axis 1 of 3", {normal({2, 3, 4})}, [](X x) { return log_softmax(x[0], 1); })
          .graph("log_softmax", has_axis, [](T x) { return 0.5 * log_softmax(x); }),
      function("standardize(x, axes, epsilon)",
               "r (x - mean x), r = 1/sqrt(variance x + epsilon) (op `inverse_deviation`)",
               "J v = r (v - mean v - y mean(y v)), symmetric", {normal(s)},
               [](X x) { return standardize(x[0], dims(-1), 0.1); })
          .check("layer norm")
          .check("batch norm", {normal({5, 2, 3})},
                 [](X x) { return standardize(x[0], dims(0, 1)); })
          .check("in layer_norm", {normal(s), normal({5}), normal({5})},
                 [](X x) { return square(trained(layer_norm(5), x)); })
          .check("in batch_norm", {normal(image), normal({2}), normal({2})},
                 [](X x) { return square(trained(batch_norm(2), x)); })
          .graph("standardize_last", has_axis, [](T x) { return standardize(x, dims(-1), 0.5); })
          .graph("standardize_first", has_axis, [](T x) { return standardize(x, dims(0), 0.5); })
          .graph("batch_norm", is_image, [](T x) { return standardize(x, dims(0, 1, 2), 0.1); }),
      derivative_op("inverse_deviation")
          .check("", {normal(s)},
                 [](X x) { return grad(sum(pow(standardize(x[0], dims(-1), 0.1), 3)), x)[0]; }),
      function("cross_entropy(x, labels, smoothing)",
               "ln sum_j e^x_j - x_label for each row, then the mean (or sum, or none)",
               "softmax(x) - onehot(labels), for each row (op `softmax_error`)",
               {normal(s), labels}, [](X x) { return cross_entropy(x[0], x[1]); })
          .check("mean")
          .check("each example", {normal(s), labels}, each_example)
          .check("label smoothing", {normal(s), labels},
                 [](X x) { return cross_entropy(x[0], x[1], 0.1, Reduction::sum); })
          .graph("cross_entropy", is_matrix,
                 [](T x) { return cross_entropy(x, labels_for(x), 0.1); }),
      derivative_op("softmax_error")
          .check("", {normal(s), labels},
                 [=](X x) { return square(grad(sum(each_example(x)), {x[0]})[0]); }),
      function("soft_cross_entropy(x, p)", "-sum_j p_j log_softmax(x)_j", "softmax(x) sum(p) - p",
               {normal(s), uniform(s, 0, 1)}, [](X x) { return soft_cross_entropy(x[0], x[1]); })
          .built("log_softmax")
          .check("in soft_cross_entropy")
          .graph("soft_cross_entropy", same,
                 [](T a, T b) { return soft_cross_entropy(a, softmax(b)); }),
      function("binary_cross_entropy(x, t)", "(1 - t) softplus(x) + t softplus(-x)", "s(x) - t",
               {normal(s), uniform(s, 0, 1)}, [](X x) { return binary_cross_entropy(x[0], x[1]); })
          .built("softplus")
          .check("in binary_cross_entropy")
          .graph("binary_cross_entropy", same,
                 [](T a, T b) { return binary_cross_entropy(a, sigmoid(b), Reduction::none); }),
      function("mse(p, t)", "(p - t)^2", "2 (p - t)", {normal(s), normal(s)},
               [](X x) { return mse(x[0], x[1]); })
          .built("square")
          .check("in mse")
          .graph("mse", same, [](T a, T b) { return mse(tanh(a), b); }),
      function("huber(p, t, delta)",
               "d^2/2 where \\|d\\| <= delta, else delta (\\|d\\| - delta/2); d = p - t",
               "d limited to [-delta, delta]", {distinct(s), uniform(s, -0.01, 0.01)},
               [](X x) { return huber(x[0], x[1], 0.9); })
          .built("clamp")
          .check("in huber")
          .graph(
              "huber", same, [](T a, T b) { return huber(tanh(a), b, 0.7); }, huber_kinks)
          .kink("in huber, at its ends", {repeated(ties), repeated(ties)},
                [](X x) { return huber(x[0], x[1], 1); }),
      derivative_op("dropout_mask")
          .check("dropout", {normal(s)}, [](X x) { return square(trained(dropout(0.4, 1), x)); })
          .check("another use and rate", {normal(s)},
                 [](X x) { return square(trained(dropout(0.7, 2), x)); })
          .graph("dropout", any,
                 [](T x) { return trained(dropout(0.4, 5), Tensors{x}) + 0.3 * x; }),
  };
}

}  // namespace twice::experiments::rows
