// The product kernel of one thread: a tile of C = alpha op(A) op(B) + beta C. Our own where vectors
// have 256 bits or more and multiply and add at once, OpenBLAS's elsewhere; docs/decisions.md says
// why.
#pragma once

#include "autodiff/array/shape.h"

// Multiplications that add, on vectors of at least 256 bits.
#if defined(__AVX512F__) || defined(__FMA__)
#define TWICE_GEMM 1
#else
#define TWICE_GEMM 0
#endif

namespace twice::kernel {

/// C (m, n) = alpha op(A) op(B) + beta C, all row-major, f32 or f64; op(A) is (m, k), op(B) (k, n),
/// and a leading dimension is the distance between rows as stored. With beta = 0 what C holds is
/// not read. Each number of C is one sum over k in an order that m, n and the position in C do not
/// change. With `lower` only the diagonal of C and what lies below it is asked for; what stands
/// above it afterwards is not specified. Allocates nothing.
template <class T>
void gemm(bool transpose_a, bool transpose_b, Index m, Index n, Index k, T alpha, const T* a,
          Index lda, const T* b, Index ldb, T beta, T* c, Index ldc, bool lower = false);

/// Whether the kernel is ours, and so a number of C has the same bits in whatever call computes it:
/// OpenBLAS does not promise that.
inline constexpr bool own_gemm = TWICE_GEMM;

/// Whose kernel it is: "twice, 512-bit vectors", "twice, 256-bit vectors" or
/// "OpenBLAS".
const char* gemm_kernel();

}  // namespace twice::kernel
