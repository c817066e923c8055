// Conversion between f32 and f64, which lets parts of a function use the other precision.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// y = x in another float dtype, rounded to nearest; x itself if it has that dtype already. Linear:
/// a cotangent is cast to x's dtype, a tangent to y's. Throws for i32.
Tensor cast(Tensor x, DType dtype);

}  // namespace twice
