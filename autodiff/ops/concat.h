// Joining tensors along an axis. Linear: the cotangent of an input is its slice of the cotangent of
// y.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// The tensors joined along an existing axis. Throws if the list is empty, or if the other sizes or
/// the dtypes differ.
Tensor concat(const Tensors& x, int axis);
/// Tensors of one shape, joined along a new axis; -1 makes it the last axis of y. Throws if the
/// list is empty or the shapes or dtypes differ.
Tensor stack(const Tensors& x, int axis = 0);

}  // namespace twice
