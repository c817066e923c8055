// Sums, differences, products, quotients and a*x + b. The two-input functions
// broadcast their inputs to a common shape with an explicit `broadcast_to`.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

Tensor operator+(Tensor a, Tensor b);
Tensor operator-(Tensor a, Tensor b);
/// Elementwise product; for the matrix product see `matmul`.
Tensor operator*(Tensor a, Tensor b);
Tensor operator/(Tensor a, Tensor b);

/// y = scale x + shift.  dy/dx = scale. Both are rounded to x's dtype; a scale outside of its range
/// is multiplied in several steps, so that scale x is right wherever it is in the range.
Tensor affine(Tensor x, double scale, double shift);

inline Tensor operator-(Tensor x) { return affine(x, -1, 0); }
inline Tensor operator+(Tensor x, double c) { return affine(x, 1, c); }
inline Tensor operator+(double c, Tensor x) { return affine(x, 1, c); }
inline Tensor operator-(Tensor x, double c) { return affine(x, 1, -c); }
inline Tensor operator-(double c, Tensor x) { return affine(x, -1, c); }
inline Tensor operator*(Tensor x, double c) { return affine(x, c, 0); }
inline Tensor operator*(double c, Tensor x) { return affine(x, c, 0); }
Tensor operator/(Tensor x, double c);
Tensor operator/(double c, Tensor x);

}  // namespace twice
