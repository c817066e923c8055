// Activation functions, and the step function that is the slope of relu. The smooth functions and
// all their derivatives are finite for |x| up to 1e12. s(x) is the logistic function, phi and Phi
// the density and distribution function of the standard normal distribution.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// y = max(x, 0).  dy/dx = 1 where x > 0, otherwise 0 (also at 0).
Tensor relu(Tensor x);
/// y = 1 where x > 0, otherwise 0.  dy/dx = 0 everywhere, by definition also at 0.
Tensor positive(Tensor x);
/// y = x where x > 0, otherwise slope x.  dy/dx = 1 where x > 0, otherwise slope (also at 0).
Tensor leaky_relu(Tensor x, double slope = 0.01);
/// y = x where x > 0, otherwise alpha (e^x - 1).  dy/dx = 1 where x > 0, otherwise alpha e^x
/// (also at 0).
Tensor elu(Tensor x, double alpha = 1);

/// y = tanh x.  dy/dx = 1/cosh^2 x.
Tensor tanh(Tensor x);
/// y = 1/cosh^2 x = 1 - tanh^2 x, accurate for small y too.  dy/dx = -2 y tanh x.
Tensor sech2(Tensor x);
/// y = s(x) = 1 / (1 + e^(-x)).  dy/dx = s(x) s(-x).
Tensor sigmoid(Tensor x);
/// y = ln(1 + e^x), computed as max(x, 0) + ln(1 + e^-|x|).  dy/dx = s(x).
Tensor softplus(Tensor x);
/// y = x s(x), also known as swish.  dy/dx = s(x) + x s(x) s(-x).
Tensor silu(Tensor x);

/// y = x Phi(beta x): gelu, sharpened towards relu (beta to infinity) or flattened towards x/2
/// (beta to 0).  dy/dx = Phi(beta x) + beta x phi(beta x).
Tensor beta_gelu(Tensor x, double beta);
/// y = x Phi(x).  dy/dx = Phi(x) + x phi(x).  Hendrycks & Gimpel 2016.
Tensor gelu(Tensor x);
/// The approximation of gelu from the same paper: y = x/2 (1 + tanh u) = x s(2 u) with
/// u = sqrt(2/pi) (x + 0.044715 x^3).  dy/dx = s(2 u) + 2 x s(2 u) s(-2 u) du/dx.
Tensor gelu_tanh(Tensor x);

}  // namespace twice
