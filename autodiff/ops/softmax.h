// Softmax and its logarithms: General ops, stable for logits of any size, since each row is
// shifted by its largest number. A row that holds NaN becomes NaN.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// y_i = e^x_i / sum_j e^x_j along an axis.
/// J = diag(y) - y y', symmetric: J v = y (v - sum_j y_j v_j), an op of its own (softmax_product).
Tensor softmax(Tensor x, int axis = -1);
/// J v for y = softmax(x) along the last axis, the derivative rule of ops that contain a softmax.
Tensor softmax_jacobian(Tensor y, Tensor v);
/// y_i = x_i - ln sum_j e^x_j along an axis.
/// With p = e^y: J t = t - sum_j p_j t_j,  J' g = g - p sum_j g_j.
Tensor log_softmax(Tensor x, int axis = -1);
/// y = ln sum e^x over `axes` (all when none are given).  dy/dx = softmax(x).
Tensor logsumexp(Tensor x, const Shape& axes = {}, bool keepdims = false);

}  // namespace twice
