// Arithmetic on lists of tensors: a gradient has one entry a parameter, and formulas
// such as g + gamma * Hg are written on the whole list. Lists pair up entry by entry. A list may
// hold f32 and f64: sums over all entries are then f64, and a scale is cast to each entry's dtype.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

Tensors operator+(const Tensors& a, const Tensors& b);
Tensors operator-(const Tensors& a, const Tensors& b);
Tensors operator*(double scale, const Tensors& x);
Tensors operator*(Tensor scale, const Tensors& x);
Tensors operator/(const Tensors& x, double divisor);
/// sum_i a_i b_i over all entries of all tensors: a scalar. Pairs must have equal shapes.
Tensor dot(const Tensors& a, const Tensors& b);
/// dot(x, x).
Tensor squared_norm(const Tensors& x);
Tensors stop_gradient(const Tensors& x);

}  // namespace twice
