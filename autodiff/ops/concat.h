// Tensors joined along an axis. Linear in every input: an input's gradient is its slice of y's.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// The tensors one after the other along an existing axis; other sizes must be equal.
/// dy/dx_i: each input's slice of y.
Tensor concat(const Tensors& x, int axis);
/// Tensors of one shape one after the other along a new axis (-1: the last of y).
Tensor stack(const Tensors& x, int axis = 0);

}  // namespace twice
