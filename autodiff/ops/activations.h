// Activation functions, and the step functions that are their slopes.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// y = max(x, 0).  dy/dx = 1 where x > 0, else 0 (also at 0).
Tensor relu(Tensor x);
/// y = 1 where x > 0, else 0.  dy/dx = 0 everywhere, by decree at 0.
Tensor positive(Tensor x);
/// y = tanh x.  dy/dx = 1 - y^2.
Tensor tanh(Tensor x);

}  // namespace twice
