// Losses. Each is a number for every example, reduced to its mean (by default) or sum, or kept.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// How the losses of the examples become one: their mean, their sum, or not at all.
enum class Reduction { mean, sum, none };

/// Cross-entropy with class labels: ln sum_j e^x_j - x_label for each row x of the logits (...,
/// classes) and label (i32) of labels (...). A label outside [0, classes) is an `Error` when the
/// plan runs. dy/dx = softmax(x) - onehot(label). With label smoothing s the target is (1 - s)
/// onehot + s/classes: the loss is (1 - s) times the above + s (ln sum_j e^x_j - mean_j x_j).
/// Szegedy et al. 2016.
Tensor cross_entropy(Tensor logits, Tensor labels, double label_smoothing = 0,
                     Reduction reduction = Reduction::mean);
/// Cross-entropy with a target distribution for each row: -sum_j target_j log_softmax(x)_j.
Tensor soft_cross_entropy(Tensor logits, Tensor targets, Reduction reduction = Reduction::mean);
/// Cross-entropy of s(x) against targets in [0, 1], for each number: softplus(x) - x target
/// = (1 - target) softplus(x) + target softplus(-x).  dy/dx = (1 - target) s(x) - target s(-x).
Tensor binary_cross_entropy(Tensor logits, Tensor targets, Reduction reduction = Reduction::mean);

/// (prediction - target)^2 for each number; the shapes must be equal.
Tensor mse(Tensor prediction, Tensor target, Reduction reduction = Reduction::mean);
/// d^2/2 where |d| <= delta, else delta (|d| - delta/2), with d = prediction - target, for each
/// number; the shapes must be equal.  dy/dd = d limited to [-delta, delta]. Huber 1964.
Tensor huber(Tensor prediction, Tensor target, double delta = 1,
             Reduction reduction = Reduction::mean);

}  // namespace twice
