// Hessian-vector products: H v in three ways, with one signature.
#pragma once

#include <functional>

#include "autodiff/tape/tape.h"

namespace twice {

/// A scalar function of a list of tensors, which it records on their tape.
using ScalarFunction = std::function<Tensor(const Tensors&)>;

/// The way to compute H v. All but the finite difference are exact up to rounding.
enum class HvpMode {
  reverse_over_reverse,  ///< grad of <grad f, v>: exact
  forward_over_reverse,  ///< push of grad f along v: exact
  finite_difference      ///< (grad f(w + eps v) - grad f(w - eps v)) / (2 eps): error O(eps^2)
};

/// H v, where H is the Hessian of f at w (total derivatives: see grad.h). Only the finite
/// difference uses `eps`, the step along v. The finite difference perturbs each variable
/// separately, and throws if one was computed from another. The result has the shapes of w, as v
/// must have.
Tensors hvp(const ScalarFunction& f, const Tensors& w, const Tensors& v,
            HvpMode mode = HvpMode::reverse_over_reverse, double eps = 1e-4);

}  // namespace twice
