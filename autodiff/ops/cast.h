// Conversion between the two float types, so that parts of a function can be computed in the other.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// y = x in another float dtype, rounded to nearest; x itself when it has that dtype already.
/// Linear: a cotangent is cast back to x's dtype, a tangent to y's. Throws for i32.
Tensor cast(Tensor x, DType dtype);

}  // namespace twice
