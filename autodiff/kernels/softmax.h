// Sums of exponentials along the last axis. The largest number of each row is subtracted first, so
// that no exponential overflows. A row is a slice along the last axis. The threads share the rows,
// and each row is summed in a fixed order.
#pragma once

#include "autodiff/array/array.h"

namespace twice::kernel {

/// y[r, i] = e^x[r, i] / sum_j e^x[r, j].
void softmax_rows(const Array& x, const Array& y);
/// z[r, i] = y[r, i] (v[r, i] - sum_j y[r, j] v[r, j]) for rows y that sum to 1: the Jacobian of
/// softmax times v. The result depends only on differences within v. The kernel subtracts from each
/// row of v its number at the largest y, so that no difference cancels if that y is near 1.
void softmax_product_rows(const Array& y, const Array& v, const Array& z);
/// y[r, i] = x[r, i] - ln sum_j e^x[r, j].
void log_softmax_rows(const Array& x, const Array& y);
/// y[r] = ln sum_j e^x[r, j]; minus infinity for an empty row.
void logsumexp_rows(const Array& x, const Array& y);
/// y[r] = ln sum_j e^x[r, j] - x[r, labels[r]]. The labels (i32) are not checked.
void cross_entropy_rows(const Array& x, const Array& labels, const Array& y);
/// y = softmax(x) - onehot(labels), with full accuracy even where softmax(x) is near 1 at the
/// label.
void softmax_error_rows(const Array& x, const Array& labels, const Array& y);

}  // namespace twice::kernel
