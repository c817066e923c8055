// Sine and cosine, within 2.2 units in the last place for |x| up to 1e6. (tanh is in
// activations.h.)
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// y = sin x.  dy/dx = cos x.
Tensor sin(Tensor x);
/// y = cos x.  dy/dx = -sin x.
Tensor cos(Tensor x);

}  // namespace twice
