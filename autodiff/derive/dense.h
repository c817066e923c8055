// Second-order quantities beyond H v: Jacobians and Hessians as matrices, for small problems, and
// products with the Gauss-Newton matrix, for problems of any size.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// J[i, j] = dy_i/dx_j, of shape (m, n) for m outputs and n variables. The entries of a list of
/// tensors are numbered consecutively, those of each tensor in row-major order. Recorded as one
/// backward sweep for each row, so nodes, planning time and running time are those of m sweeps. J
/// takes m n numbers of memory. Throws if y has no entry or x is empty.
Tensor jacobian(const Tensors& y, const Tensors& x);

/// H[i, j] = d2f/(dx_i dx_j) of a scalar f, of shape (n, n). Recorded as the Jacobian of the
/// gradient of f, which takes n sweeps. A product H v takes one such sweep: see hvp.h.
Tensor hessian(Tensor f, const Tensors& x);

/// G v for the Gauss-Newton matrix G = J' (d2l/dz2) J of a loss l(z(w)), with J = dz/dw. A product
/// takes one forward sweep to z, one backward sweep over the gradient of l with respect to z, and
/// one backward sweep from z. l is a scalar that was recorded from the outputs z. No output may be
/// computed from another one. A dependence of l on w that does not pass through z is left out.
/// Where l is convex in z, G is positive semidefinite. The Hessian has one more term: H = G + sum_k
/// (dl/dz_k) d2z_k/dw2. Source: Schraudolph, Neural Computation 14, 2002.
Tensors gauss_newton(const Tensors& z, Tensor l, const Tensors& w, const Tensors& v);

}  // namespace twice
