// The two derivative sweeps. Both loop over the tape and record the derivative on it
// with the public functions of ops/, so the result can be differentiated again.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

// Derivatives are total: where one variable in `wrt` was computed from another one, the derivative
// by the latter goes through the former too. So the two sweeps are adjoint to each other:
// <grad(y, wrt, u), t> = <u, push(y, wrt, t)>. A variable may be listed once only.

/// What `grad` does about a variable that y does not depend on.
enum class Unused { zeros, error };

/// Reverse mode, the backward sweep: the cotangents of `wrt` given that of y,
///   result_i = (dy/dwrt_i)' cotangent,  of the shape of wrt_i.
/// A scalar y needs no cotangent: it is 1. Cost: at most a small multiple of computing y.
Tensors grad(Tensor y, const Tensors& wrt, Tensor cotangent = {}, Unused unused = Unused::zeros);

/// The same for several outputs at once: sum_k (dy_k/dwrt_i)' cotangent_k.
Tensors grad(const Tensors& ys, const Tensors& wrt, const Tensors& cotangents,
             Unused unused = Unused::zeros);

/// Forward mode, the forward sweep: the tangents of `ys` given those of `wrt`,
///   result_k = sum_i (dy_k/dwrt_i) tangent_i,  of the shape of y_k.
/// The tangent of a variable that was computed from others is the given one plus theirs.
Tensors push(const Tensors& ys, const Tensors& wrt, const Tensors& tangents);

/// Throws, naming `who` and the two variables, when one is listed twice or was computed from
/// another. For methods that perturb each variable separately, such as finite differences.
void check_independent(const char* who, const Tensors& variables);

}  // namespace twice
