// The matrix product of each pair in two stacks of matrices, and the outer product of two vectors.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// C[i] = op(A[i]) op(B[i]) with op(M) = M or M', for stacks of equally many matrices: A (batch, m,
/// k) and B (batch, k, n) -> (batch, m, n). Bilinear, adjoints as those of `matmul`. 2 batch m n k
/// FLOPs.
Tensor batched_matmul(Tensor a, Tensor b, bool transpose_a = false, bool transpose_b = false);

/// y[i, j] = a[i] b[j] of two vectors.
Tensor outer(Tensor a, Tensor b);

}  // namespace twice
