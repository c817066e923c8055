// The matrix product, with transposes as flags so that no transpose is ever formed.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// C = op(A) op(B) with op(M) = M or M'. Bilinear: the gradient by A of <C, G> is
/// G op(B)' (or its transpose), by B it is op(A)' G. 2 m n k FLOPs.
Tensor matmul(Tensor a, Tensor b, bool transpose_a = false, bool transpose_b = false);

}  // namespace twice
