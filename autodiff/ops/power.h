// Powers and roots.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// y = x^2.  dy/dx = 2 x.
Tensor square(Tensor x);
/// y = 1/x.  dy/dx = -y^2.
Tensor reciprocal(Tensor x);
/// y = sqrt(x).  dy/dx = 1 / (2 y): infinite at 0.
Tensor sqrt(Tensor x);
/// y = 1/sqrt(x).  dy/dx = -y^3 / 2.
Tensor rsqrt(Tensor x);
/// y = x^p with a constant exponent.  dy/dx = p x^(p-1); 0 when p = 0.
Tensor pow(Tensor x, double exponent);

}  // namespace twice
