// Powers and roots.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// y = x^2.  dy/dx = 2 x. Of a norm it is the sum of squares itself, which has all derivatives at
/// 0.
Tensor square(Tensor x);
/// y = 1/x.  dy/dx = -y^2.
Tensor reciprocal(Tensor x);
/// y = sqrt(x).  dy/dx = 1 / (2 y): infinite at 0.
Tensor sqrt(Tensor x);
/// y = 1/sqrt(x).  dy/dx = -y^3 / 2.
Tensor rsqrt(Tensor x);
/// y = sqrt(x) with a chosen first derivative at 0: dy/dx = 1 / (2 y), and 0 instead of infinity at
/// 0, so that the norm of a zero vector, sqrt(sum x^2), has gradient 0. Higher derivatives at 0 are
/// NaN: no number is right for all functions of it.
Tensor safe_sqrt(Tensor x);
/// safe_sqrt of a sum of squares: its square is x.
Tensor root_of_squares(Tensor x);
/// x^2 where that is recorded already, since x is a norm: |v|^2 has all derivatives at v = 0, |v|
/// has none. Else empty.
Tensor known_square(Tensor x);
/// y = x^p with a constant exponent.  dy/dx = p x^(p-1); 0 when p = 0. The special cases
/// are those of C's pow: x^0 = 1^p = 1 even for NaN, and NaN for x < 0 when p is not whole.
Tensor pow(Tensor x, double exponent);
/// y = a^b, both tensors, which broadcast; special cases as above.  dy/da = b a^(b-1), dy/db = y ln
/// a. At a = 0 the derivative by b is 0 (minus infinity when b < 0), and by a it is 0 when b = 0.
/// For a < 0 and whole b, dy/db is NaN: no real number is right. dy/da is
/// infinite where a^(b-1) overflows, though b may be small.
Tensor pow(Tensor a, Tensor b);

}  // namespace twice
