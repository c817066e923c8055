// Sums, differences, products, quotients and affine functions of tensors. Operators on two tensors
// broadcast their inputs to a common shape and record each `broadcast_to`. The operators throw if
// the dtypes differ or the shapes do not broadcast.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// y = a + b, elementwise.  dy/da = 1, dy/db = 1.
Tensor operator+(Tensor a, Tensor b);
/// y = a - b, elementwise.  dy/da = 1, dy/db = -1.
Tensor operator-(Tensor a, Tensor b);
/// y = a b, elementwise; for the matrix product see `matmul`.  dy/da = b, dy/db = a.
Tensor operator*(Tensor a, Tensor b);
/// y = a / b, elementwise.  dy/da = 1/b, dy/db = -y/b.
Tensor operator/(Tensor a, Tensor b);

/// y = scale x + shift.  dy/dx = scale. Both constants are rounded to x's dtype. A scale outside
/// the range of the dtype is multiplied in several steps, so scale x is correct if it is in the
/// range.
Tensor affine(Tensor x, double scale, double shift);

/// y = -x.
inline Tensor operator-(Tensor x) { return affine(x, -1, 0); }
/// x + c, c + x, x - c, c - x, x c and c x for a number c.  dy/dx = 1, 1, 1, -1, c and c.
inline Tensor operator+(Tensor x, double c) { return affine(x, 1, c); }
inline Tensor operator+(double c, Tensor x) { return affine(x, 1, c); }
inline Tensor operator-(Tensor x, double c) { return affine(x, 1, -c); }
inline Tensor operator-(double c, Tensor x) { return affine(x, -1, c); }
inline Tensor operator*(Tensor x, double c) { return affine(x, c, 0); }
inline Tensor operator*(double c, Tensor x) { return affine(x, c, 0); }
/// x / c and c / x.  d(x / c)/dx = 1/c, d(c / x)/dx = -c/x^2.
Tensor operator/(Tensor x, double c);
Tensor operator/(double c, Tensor x);

}  // namespace twice
