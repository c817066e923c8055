// Softmax and its logarithms: General ops that are stable for logits of any size, because the
// maximum of each row is subtracted first. A row that contains a NaN becomes NaN.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// y_i = e^x_i / sum_j e^x_j along an axis. J = diag(y) - y y' is symmetric:
/// J v = y (v - sum_j y_j v_j), which is an op too (softmax_product).
Tensor softmax(Tensor x, int axis = -1);
/// J v for y = softmax(x) along the last axis. The derivative rules of ops that contain a softmax
/// use this function.
Tensor softmax_jacobian(Tensor y, Tensor v);
/// y_i = x_i - ln sum_j e^x_j along an axis.
/// With p = e^y: J v = v - sum_j p_j v_j, J' g = g - p sum_j g_j.
Tensor log_softmax(Tensor x, int axis = -1);
/// y = ln sum e^x over `axes` (by default all).  dy/dx = softmax(x).
Tensor logsumexp(Tensor x, const Shape& axes = {}, bool keepdims = false);

}  // namespace twice
