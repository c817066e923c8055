// Matrix products of stacks of matrices, and the outer product of two vectors.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// C[i] = op(A[i]) op(B[i]), where op transposes if its flag is set. Without flags, A is
/// (batch, m, k), B is (batch, k, n) and C is (batch, m, n). Bilinear, with the same adjoints as
/// `matmul`; 2 batch m n k FLOPs. Throws if the shapes do not fit.
Tensor batched_matmul(Tensor a, Tensor b, bool transpose_a = false, bool transpose_b = false);

/// y[i, j] = a[i] b[j] for two vectors. Throws unless both have rank 1.
Tensor outer(Tensor a, Tensor b);

}  // namespace twice
