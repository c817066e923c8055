// Losses. Each loss computes one number for every example or element, and then a mean
// (the default), a sum or neither.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// The reduction of the losses of the examples: their mean, their sum, or none.
enum class Reduction { mean, sum, none };

/// Cross-entropy with class labels: ln sum_j e^x_j - x_label, for each row x of the logits
/// (..., classes) and its label in labels (..., i32). dy/dx = softmax(x) - onehot(label). With
/// label smoothing s the target is (1 - s) onehot + s/classes, and the loss is (1 - s) times the
/// above + s (ln sum_j e^x_j - mean_j x_j). Throws if s is outside [0, 1]. If a label is outside
/// [0, classes), the run of the plan throws. Source of label smoothing: Szegedy et al. 2016.
Tensor cross_entropy(Tensor logits, Tensor labels, double label_smoothing = 0,
                     Reduction reduction = Reduction::mean);
/// Cross-entropy with a target distribution for each row: -sum_j target_j log_softmax(x)_j. The
/// shapes must be equal.
Tensor soft_cross_entropy(Tensor logits, Tensor targets, Reduction reduction = Reduction::mean);
/// Cross-entropy of s(x) with targets q in [0, 1], for each number:
///   softplus(x) - q x = (1 - q) softplus(x) + q softplus(-x),  dy/dx = (1 - q) s(x) - q s(-x).
/// The shapes must be equal.
Tensor binary_cross_entropy(Tensor logits, Tensor targets, Reduction reduction = Reduction::mean);

/// (prediction - target)^2 for each number. The shapes must be equal.
Tensor mse(Tensor prediction, Tensor target, Reduction reduction = Reduction::mean);
/// With d = prediction - target, for each number:
///   y = d^2/2 where |d| <= delta, otherwise delta (|d| - delta/2).
/// dy/dd is d limited to [-delta, delta]. Throws if the shapes differ, and unless delta > 0.
/// Source: Huber 1964.
Tensor huber(Tensor prediction, Tensor target, double delta = 1,
             Reduction reduction = Reduction::mean);

}  // namespace twice
