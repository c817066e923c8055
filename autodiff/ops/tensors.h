// Arithmetic on lists of tensors. A gradient is a list with one tensor for each parameter, and
// formulas such as g + gamma * Hg apply to whole lists. Operators on two lists pair their tensors
// up in order and throw if the lengths differ. A list may mix f32 and f64: sums over all entries
// are then f64, and a scale is cast to the dtype of each tensor.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// a_i + b_i for each pair.
Tensors operator+(const Tensors& a, const Tensors& b);
/// a_i - b_i for each pair.
Tensors operator-(const Tensors& a, const Tensors& b);
/// scale x_i for each tensor.
Tensors operator*(double scale, const Tensors& x);
/// scale x_i for each tensor; the scale is a recorded scalar.
Tensors operator*(Tensor scale, const Tensors& x);
/// x_i / divisor for each tensor.
Tensors operator/(const Tensors& x, double divisor);
/// sum_i <a_i, b_i>, a scalar: the inner product over all entries. Throws if the lists are empty or
/// the shapes of a pair differ.
Tensor dot(const Tensors& a, const Tensors& b);
/// dot(x, x): the squared Euclidean norm over all entries.
Tensor squared_norm(const Tensors& x);
/// `stop_gradient` of each tensor.
Tensors stop_gradient(const Tensors& x);

}  // namespace twice
