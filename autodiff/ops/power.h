// Powers and roots. All are elementwise.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// y = x^2.  dy/dx = 2 x. The square of a norm is the recorded sum of squares, which has all
/// derivatives at 0.
Tensor square(Tensor x);
/// y = 1/x.  dy/dx = -y^2.
Tensor reciprocal(Tensor x);
/// y = sqrt(x).  dy/dx = 1 / (2 y), which is infinite at 0.
Tensor sqrt(Tensor x);
/// y = 1/sqrt(x).  dy/dx = -y^3 / 2.
Tensor rsqrt(Tensor x);
/// y = sqrt(x) with dy/dx = 1 / (2 y), and dy/dx = 0 instead of infinity at x = 0. The norm of a
/// zero vector, sqrt(sum x^2), thereby has gradient 0. Higher derivatives at 0 are NaN, because no
/// number is right for every function that contains the root.
Tensor safe_sqrt(Tensor x);
/// safe_sqrt of a sum of squares x: `square` of the result is x itself.
Tensor root_of_squares(Tensor x);
/// If x was recorded by `root_of_squares`, the sum of squares x^2; otherwise empty. |v|^2 has all
/// derivatives at v = 0, |v| has none.
Tensor known_square(Tensor x);
/// y = x^p with a constant exponent p.  dy/dx = p x^(p-1), which is 0 if p = 0. The special cases
/// are those of C's pow: x^0 = 1^p = 1 even for NaN, and NaN for x < 0 if p is not whole.
Tensor pow(Tensor x, double exponent);
/// y = a^b for two tensors, which broadcast; the special cases are those of C's pow.
/// dy/da = b a^(b-1), dy/db = y ln a. At a = 0, dy/db is 0 (minus infinity if b < 0), and dy/da is
/// 0 if b = 0. For a < 0 and whole b, dy/db is NaN, because no real number is right. dy/da is
/// infinite where a^(b-1) overflows, even if b is small.
Tensor pow(Tensor a, Tensor b);

}  // namespace twice
