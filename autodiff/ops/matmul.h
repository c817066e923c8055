// The matrix product. Transposes are flags, so no transposed copy is made.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// C = op(A) op(B) for matrices, where op transposes if its flag is set; 2 m n k FLOPs for an
/// (m, n) result with inner size k. Bilinear: with the cotangent G of C, the cotangent of A is
/// G op(B)' and that of B is op(A)' G, each transposed if its flag is set. Throws if the shapes or
/// dtypes do not fit.
Tensor matmul(Tensor a, Tensor b, bool transpose_a = false, bool transpose_b = false);

}  // namespace twice
