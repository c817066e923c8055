// Curvature of a loss, from products with its Hessian only: the largest eigenvalue, the ends of the
// spectrum, the trace. The functions accept every symmetric matrix that is given as a function
// v -> H v.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "autodiff/kernels/random.h"
#include "autodiff/plan/plan.h"

namespace twice {

/// out = H v. A vector is a list of contiguous f32 or f64 arrays, such as one for each parameter. v
/// and out have the same shapes and do not share memory.
using MatVec = std::function<void(std::span<const Array> v, std::span<const Array> out)>;

/// A recorded product as a function of v, where the tensors of v are inputs of the tape. The
/// product is planned once and run at each call. `inputs` binds the other inputs of the tape (the
/// batch). Each call reads these arrays and the parameters in place, so changes to them take effect
/// at the next call. Throws unless the product has the shapes and dtypes of v.
MatVec planned_matvec(const Tensors& v, const Tensors& product, std::vector<Binding> inputs = {});

/// The product with the Hessian of a recorded scalar loss at w, as grad <grad loss, v>. Records v
/// and two backward sweeps on the tape of the loss.
MatVec hessian_matvec(Tensor loss, const Tensors& w, std::vector<Binding> inputs = {});

/// The limits of an iteration.
struct EigenOptions {
  /// The largest number of products H v.
  int products = 100;
  /// The iteration stops when |H v - value v| <= tolerance |value| for the eigenvalue that it
  /// seeks.
  double tolerance = 1e-6;
};

/// An approximate eigenvalue and its vector of length 1, after `products` products. For a symmetric
/// H some eigenvalue is within `residual` = |H v - value v| of `value`, up to the rounding of H v.
struct Eigenpair {
  double value = 0;
  std::vector<Array> vector;
  double residual = 0;
  int products = 0;
};

/// The eigenvalue with the largest absolute value, by power iteration from a random vector:
/// v <- H v / |H v|. Each product multiplies the error of `value` by (second largest / largest)^2,
/// in absolute values. `like` gives the shapes and dtypes of v (those of the parameters). Throws if
/// a product is not finite.
Eigenpair power_iteration(const MatVec& matvec, std::span<const Array> like, const Rng& rng,
                          const EigenOptions& options = {});

/// The result of a Lanczos iteration.
struct LanczosResult {
  /// The eigenvalues of the tridiagonal matrix, ascending. The first and the last converge first.
  std::vector<double> values;
  /// Some eigenvalue of H is within residuals[i] of values[i].
  std::vector<double> residuals;
  /// The largest eigenvalue (not the largest in absolute value).
  Eigenpair top;
};

/// Lanczos iteration from a random vector with full reorthogonalisation, which keeps up to
/// `products` vectors in memory. The iteration finds both ends of the spectrum. If eigenvalues are
/// close together, it takes far fewer products than power iteration. The iteration stops when the
/// largest eigenvalue has converged, when it finds an invariant subspace, or after as many products
/// as v has entries. A multiple eigenvalue of H is found once. Source: Golub & Van Loan, Matrix
/// Computations, section 10.1.
LanczosResult lanczos(const MatVec& matvec, std::span<const Array> like, const Rng& rng,
                      const EigenOptions& options = {});

/// An estimate of a trace.
struct TraceEstimate {
  double trace = 0;
  /// The sample standard deviation of the probes, divided by sqrt(probes).
  double standard_error = 0;
};

/// The mean of v'H v over random vectors of signs (Hutchinson 1990). The estimate is unbiased; each
/// probe has variance 2 sum_{i != j} H_ij^2, so the estimate is exact for a diagonal H. Throws for
/// fewer than 2 probes.
TraceEstimate hutchinson_trace(const MatVec& matvec, std::span<const Array> like, const Rng& rng,
                               int probes = 30);

/// The eigenvalues of a symmetric matrix, ascending, and its eigenvectors: column i of `vectors`
/// (row-major) belongs to value i.
struct SymmetricEigen {
  std::vector<double> values, vectors;
};
/// The eigenvalues and eigenvectors of a symmetric matrix that is given row by row (n^2 numbers),
/// by Jacobi rotations. For n up to a few hundred. Throws if the matrix is not square or not
/// finite.
SymmetricEigen symmetric_eigen(std::vector<double> matrix);

}  // namespace twice
