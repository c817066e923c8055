// Sine and cosine. docs/ops.md states their rounding errors; tanh is in activations.h.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// y = sin x.  dy/dx = cos x.
Tensor sin(Tensor x);
/// y = cos x.  dy/dx = -sin x.
Tensor cos(Tensor x);

}  // namespace twice
