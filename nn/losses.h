// The loss of the diagonal linear network, and measures of classification results.
#pragma once

#include "autodiff/ops/loss.h"

namespace twice {

/// ℒ = |predictions - targets|^2 / (4 n) for n targets; both inputs are (n, 1). This is the loss of
/// the diagonal linear network, X beta with beta = plus^2 - minus^2. With c = X'(X beta - y) / n
/// the gradient with respect to beta is c/2, and with respect to plus and minus it is plus o c and
/// -minus o c.
Tensor quarter_mse(Tensor predictions, Tensor targets);

// For reports, on arrays instead of a tape: logits (n, classes) and labels (n, i32). All three
// functions throw if the shapes do not fit or a label is outside [0, classes).

/// The number of rows whose largest entry is at the label. Of equal entries the first counts as the
/// largest. A row with a NaN is never correct.
Index count_correct(const Array& logits, const Array& labels);
/// count_correct / n; throws if n = 0.
double accuracy(const Array& logits, const Array& labels);
/// The sum over the rows of ln sum_j e^x_j - x_label, added in f64. The sum is n times the mean
/// that `cross_entropy` records.
double total_cross_entropy(const Array& logits, const Array& labels);

}  // namespace twice
