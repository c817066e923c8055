// Exponentials, logarithms, the error function and the normal distribution. docs/ops.md states
// their rounding errors.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// y = e^x.  dy/dx = y.
Tensor exp(Tensor x);
/// y = e^x - 1, accurate near 0.  dy/dx = e^x.
Tensor expm1(Tensor x);
/// y = ln x; -infinity at 0, NaN for x < 0.  dy/dx = 1/x.
Tensor log(Tensor x);
/// y = ln(1 + x), accurate near 0.  dy/dx = 1/(1 + x).
Tensor log1p(Tensor x);
/// y = 2/sqrt(pi) Int_0^x e^(-t^2) dt.  dy/dx = 2/sqrt(pi) e^(-x^2).
Tensor erf(Tensor x);
/// y = phi(x) = e^(-x^2/2) / sqrt(2 pi), the standard normal density.  dy/dx = -x y.
Tensor normal_pdf(Tensor x);
/// y = Phi(x) = (1 + erf(x/sqrt 2)) / 2, the standard normal distribution function, accurate in
/// both tails.  dy/dx = phi(x).
Tensor normal_cdf(Tensor x);

}  // namespace twice
