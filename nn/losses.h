// Losses, and the accuracy that goes with them.
#pragma once

#include "autodiff/ops/loss.h"

namespace twice {

/// L = |predictions - targets|^2 / (4 n) for n targets; both inputs are (n, 1). The loss of the
/// diagonal linear network: by beta its gradient is X'(X beta - y) / (2 n), and by plus and minus
/// it is +- w o X'(X beta - y) / n.
Tensor quarter_mse(Tensor predictions, Tensor targets);

// For reporting, on numbers rather than on a tape: logits (n, classes), labels (n) of dtype i32.
// All throw when the two do not fit together or a label is outside of [0, classes).

/// How many rows have their largest entry at the label. Equal entries: the first counts as the
/// largest. A row with a NaN is never correct.
Index count_correct(const Array& logits, const Array& labels);
/// count_correct / n.
double accuracy(const Array& logits, const Array& labels);
/// The sum over rows of ln sum_j e^x_j - x_label, accumulated in f64: n times what a recorded
/// `cross_entropy` gives.
double total_cross_entropy(const Array& logits, const Array& labels);

}  // namespace twice
