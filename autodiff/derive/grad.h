// The two derivative sweeps. Both sweeps loop over the tape and record the derivative on it with
// the public functions of ops/. The result can therefore be differentiated again.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

// Derivatives are total: if one variable in `wrt` was computed from another one, the derivative
// with respect to the latter includes the path through the former. The two sweeps are therefore
// adjoint: <grad(y, wrt, d), v> = <d, push(y, wrt, v)> for every cotangent d of y and every tangent
// v of wrt. A variable must not be listed twice.

/// How `grad` treats a variable that y does not depend on: it returns zeros, or it throws.
enum class Unused { zeros, error };

/// Reverse mode, a backward sweep from the cotangent of y to the cotangents of `wrt`:
///   result_i = (dy/dwrt_i)' cotangent,  of the shape of wrt_i.
/// For a scalar y the cotangent may be left out; it is then 1. The cost is at most a small multiple
/// of the cost of y. Throws if a variable is listed twice, if y is i32, or if the shapes of y and
/// its cotangent differ.
Tensors grad(Tensor y, const Tensors& wrt, Tensor cotangent = {}, Unused unused = Unused::zeros);

/// The same for several outputs: result_i = sum_k (dy_k/dwrt_i)' cotangent_k.
Tensors grad(const Tensors& ys, const Tensors& wrt, const Tensors& cotangents,
             Unused unused = Unused::zeros);

/// Forward mode, a forward sweep from the tangents of `wrt` to the tangents of `ys`:
///   result_k = sum_i (dy_k/dwrt_i) tangent_i,  of the shape of y_k.
/// If a variable was computed from other variables, its tangent is the given tangent plus the one
/// that the sweep computes. Throws if a variable is listed twice or a shape does not match.
Tensors push(const Tensors& ys, const Tensors& wrt, const Tensors& tangents);

/// Throws an error that starts with `who` if a variable is listed twice or was computed from
/// another one. For methods that perturb each variable separately, such as finite differences.
void check_independent(const char* who, const Tensors& variables);

}  // namespace twice
