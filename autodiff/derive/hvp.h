// Hessian-vector products: three ways to the same H v, under one signature.
#pragma once

#include <functional>

#include "autodiff/tape/tape.h"

namespace twice {

/// A scalar function of a list of tensors, recorded on their tape when called.
using ScalarFunction = std::function<Tensor(const Tensors&)>;

enum class HvpMode {
  reverse_over_reverse,  ///< grad of <grad f, v>: exact
  forward_over_reverse,  ///< push of grad f along v: exact
  finite_difference      ///< (grad f(w + eps v) - grad f(w - eps v)) / (2 eps): error O(eps^2)
};

/// H v with H the Hessian of f at w, of total derivatives (grad.h). Only the finite difference uses
/// `eps`. It perturbs each variable separately, so none of them may be computed from another.
Tensors hvp(const ScalarFunction& f, const Tensors& w, const Tensors& v,
            HvpMode mode = HvpMode::reverse_over_reverse, double eps = 1e-4);

}  // namespace twice
