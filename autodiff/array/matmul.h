// The product kernel: OpenBLAS, tiled so that the bits do not depend on the threads.
#pragma once

#include "autodiff/array/array.h"

namespace twice {

/// C = op(A) op(B), contiguous, f32 or f64. The tiles of C depend on the shape alone and
/// each is one single-threaded BLAS call.
void matmul(const Array& a, const Array& b, bool transpose_a, bool transpose_b, const Array& c);

}  // namespace twice
