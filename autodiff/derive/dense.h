// Second-order quantities beyond H v. Jacobians and Hessians as matrices, for small problems where
// every entry is wanted, and products with the Gauss-Newton matrix, for problems of any size.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// J[i, j] = dy_i/dx_j, of shape (m, n), for m outputs and n variables: all entries of all tensors,
/// each row-major, one list after the other. Recorded as one backward sweep for each row, so it
/// takes m sweeps in nodes, planning and running time, and m n numbers. Throws when y has no entry.
Tensor jacobian(const Tensors& y, const Tensors& x);

/// H[i, j] = d2f/(dx_i dx_j) of a scalar f, of shape (n, n): the jacobian of its gradient, n sweeps
/// over the gradient. The product H v costs one such sweep: see hvp.h.
Tensor hessian(Tensor f, const Tensors& x);

/// G v with the Gauss-Newton matrix G = J' (d2l/dz2) J of a loss l(z(w)), J = dz/dw: one forward
/// sweep to z, one backward sweep over the gradient of l by z, one backward sweep from z. l is a
/// scalar recorded from the outputs z, none of which is computed from another; what l takes from w
/// past z does not count. Where l is convex in z, G is positive semidefinite. The Hessian has one
/// more term: H = G + sum_k (dl/dz_k) d2z_k/dw2. Schraudolph, Neural Computation 14, 2002.
Tensors gauss_newton(const Tensors& z, Tensor l, const Tensors& w, const Tensors& v);

}  // namespace twice
