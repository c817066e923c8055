// Sums of exponentials along the last axis, shifted by each row's largest number so that none
// overflows. A row is (all but the last axis); rows are spread over the threads, and each is
// summed in one fixed order.
#pragma once

#include "autodiff/array/array.h"

namespace twice::kernel {

/// y[r, i] = e^x[r, i] / sum_j e^x[r, j].
void softmax_rows(const Array& x, const Array& y);
/// z[r, i] = y[r, i] (v[r, i] - sum_j y[r, j] v[r, j]) for rows y that sum to 1: softmax's Jacobian
/// times v. It depends on differences of v only, so each row of v is taken less its number at the
/// largest y: then no difference cancels where that y is near 1.
void softmax_product_rows(const Array& y, const Array& v, const Array& z);
/// y[r, i] = x[r, i] - ln sum_j e^x[r, j].
void log_softmax_rows(const Array& x, const Array& y);
/// y[r] = ln sum_j e^x[r, j]; minus infinity for an empty row.
void logsumexp_rows(const Array& x, const Array& y);
/// y[r] = ln sum_j e^x[r, j] - x[r, labels[r]]; labels (i32) are trusted to be in range.
void cross_entropy_rows(const Array& x, const Array& labels, const Array& y);
/// y = softmax(x) - onehot(labels), with all digits also where softmax(x) is near 1 at the label.
void softmax_error_rows(const Array& x, const Array& labels, const Array& y);

}  // namespace twice::kernel
