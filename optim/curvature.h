// Curvature of a loss from products with its Hessian alone: the largest eigenvalue, the spectrum's
// ends, the trace. Works for any symmetric matrix that is given as v -> H v.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "autodiff/kernels/random.h"
#include "autodiff/plan/plan.h"

namespace twice {

/// out = H v. A vector is a list of contiguous arrays (a parameter list's shapes, f32 or f64);
/// v and out have the same shapes and share no memory.
using MatVec = std::function<void(std::span<const Array> v, std::span<const Array> out)>;

/// A product that was recorded, with v as inputs of the tape, as a function: planned once, run at
/// each call. `inputs` binds the tape's other inputs (the batch) to arrays that each call reads in
/// place, as it does parameters: write to them and the next product is of the new point or batch.
MatVec planned_matvec(const Tensors& v, const Tensors& product, std::vector<Binding> inputs = {});

/// The product with the Hessian of a recorded scalar loss at w: grad <grad loss, v>. Records v and
/// two backward sweeps on the loss's tape.
MatVec hessian_matvec(Tensor loss, const Tensors& w, std::vector<Binding> inputs = {});

struct EigenOptions {
  /// The most products H v.
  int products = 100;
  /// Stop when |H v - value v| <= tolerance |value| for the eigenvalue sought.
  double tolerance = 1e-6;
};

/// An approximate eigenvalue and its vector of length 1. For a symmetric H some true eigenvalue is
/// within `residual` = |H v - value v| of `value` (up to the rounding of H v).
struct Eigenpair {
  double value = 0;
  std::vector<Array> vector;
  double residual = 0;
  int products = 0;
};

/// The eigenvalue of largest size, positive or negative, by power iteration from a random vector:
/// v <- H v / |H v|. The error of `value` shrinks by (second largest size / largest)^2 a product.
/// `like` gives the shapes and dtypes of v (the parameters). Throws when a product is not finite.
Eigenpair power_iteration(const MatVec& matvec, std::span<const Array> like, const Rng& rng,
                          const EigenOptions& options = {});

struct LanczosResult {
  /// Eigenvalues of the tridiagonal matrix, ascending; its ends converge first.
  std::vector<double> values;
  /// residuals[i]: some true eigenvalue is that close to values[i].
  std::vector<double> residuals;
  /// The largest (not the largest in size).
  Eigenpair top;
};

/// Lanczos iteration from a random vector with full reorthogonalisation, which keeps `products`
/// vectors: far fewer products than power iteration where eigenvalues lie close, and both ends of
/// the spectrum. Stops when the largest eigenvalue has converged, when an invariant subspace is
/// found or after as many products as v has entries. An eigenvalue that H has several times is
/// found once. Golub & Van Loan, Matrix Computations, section 10.1.
LanczosResult lanczos(const MatVec& matvec, std::span<const Array> like, const Rng& rng,
                      const EigenOptions& options = {});

struct TraceEstimate {
  double trace = 0;
  /// Sample standard deviation of the probes / sqrt(probes).
  double standard_error = 0;
};

/// The mean of v'H v over random vectors of signs (Hutchinson 1990): unbiased, with variance
/// 2 sum_{i != j} H_ij^2 a probe, so exact for a diagonal H. At least 2 probes.
TraceEstimate hutchinson_trace(const MatVec& matvec, std::span<const Array> like, const Rng& rng,
                               int probes = 30);

/// The eigenvalues, ascending, of a symmetric matrix given row by row (n^2 numbers), by Jacobi
/// rotations; column i of `vectors` (row-major) belongs to value i. For n up to a few hundred.
struct SymmetricEigen {
  std::vector<double> values, vectors;
};
SymmetricEigen symmetric_eigen(std::vector<double> matrix);

}  // namespace twice
