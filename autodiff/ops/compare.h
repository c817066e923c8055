// Absolute value, maximum and other piecewise functions, and masks. A mask is 0 or 1, in the dtype
// of the inputs, and shows which piece a number is in. The derivative of a mask is zero. At a kink,
// the derivative of a function is the one documented here. Where a function does not depend on an
// input, the derivative is 0 even if the chain rule multiplies it by infinity: d/dx sqrt(relu(x))
// is 0 for x < 0, although the derivative of the root is infinite there. Functions of several
// tensors broadcast them.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// y = |x|.  dy/dx = sign x, which is 0 at 0.
Tensor abs(Tensor x);
/// y = [x > 0] - [x < 0]; NaN for NaN.  dy/dx = 0.
Tensor sign(Tensor x);

// Masks of two inputs. A comparison with NaN is false: y = 0.
Tensor greater(Tensor a, Tensor b);        ///< y = [a > b]
Tensor greater_equal(Tensor a, Tensor b);  ///< y = [a >= b]
Tensor equal(Tensor a, Tensor b);          ///< y = [a = b]
/// y = [x != 0]; 1 for NaN.
Tensor nonzero(Tensor x);

/// y = the larger of a and b; NaN if one of them is NaN. dy/da = [a > b] + [a = b]/2,
/// dy/db = [b > a] + [a = b]/2: one half for each at a tie, and 1 if one of them is NaN.
Tensor maximum(Tensor a, Tensor b);
/// y = the smaller of a and b. The derivatives follow the same rule as those of `maximum`.
Tensor minimum(Tensor a, Tensor b);
/// y = min(max(x, low), high).  dy/dx = [low <= x <= high], which is 1 at the ends. Throws unless
/// low <= high.
Tensor clamp(Tensor x, double low, double high);
/// y = a where mask is not 0, otherwise b.  dy/da = [mask != 0], dy/db = [mask = 0], dy/dmask = 0.
Tensor where(Tensor mask, Tensor a, Tensor b);
/// y = x where mask is not 0, otherwise 0.  dy/dx = [mask != 0]. Unlike the product of x and a
/// mask, y is 0 even where x is infinite or NaN.
Tensor masked(Tensor x, Tensor mask);

}  // namespace twice
