// Absolute value, maximum and their relatives: functions made of pieces, and the masks
// (0 or 1, of the inputs' dtype) that tell which piece a number is in. Masks have
// derivative zero; at a kink each function's derivative is the one documented here. Where a
// function does not depend on an input, its derivative by it is 0, whatever it is multiplied with:
// d/dx sqrt(relu(x)) is 0 for x < 0, although the root's derivative is infinite there.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// y = |x|.  dy/dx = sign x: 0 at 0.
Tensor abs(Tensor x);
/// y = -1, 0 or 1.  dy/dx = 0.
Tensor sign(Tensor x);

// Masks of two inputs, which broadcast. A comparison with NaN is false: 0.
Tensor greater(Tensor a, Tensor b);        ///< y = [a > b]
Tensor greater_equal(Tensor a, Tensor b);  ///< y = [a >= b]
Tensor equal(Tensor a, Tensor b);          ///< y = [a = b]
/// y = [x != 0]; 1 for NaN.
Tensor nonzero(Tensor x);

/// y = the larger of a and b (NaN when one is), which broadcast.
/// dy/da = [a > b] + [a = b]/2, dy/db = [b > a] + [a = b]/2: at a tie both get one half, and 1
/// where one is NaN.
Tensor maximum(Tensor a, Tensor b);
/// y = the smaller of a and b; derivatives as for `maximum`.
Tensor minimum(Tensor a, Tensor b);
/// y = x limited to [low, high].  dy/dx = [low <= x <= high], also at the ends.
Tensor clamp(Tensor x, double low, double high);
/// y = a where mask is not 0, else b; all three broadcast.  dy/da = [mask != 0], dy/db = the rest.
Tensor where(Tensor mask, Tensor a, Tensor b);
/// y = x where mask is not 0, else 0; both broadcast.  dy/dx = [mask != 0]. Unlike the product of x
/// and a mask, it is 0 also where x is infinite or NaN.
Tensor masked(Tensor x, Tensor mask);

}  // namespace twice
