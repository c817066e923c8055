// The product kernel for one thread: a tile of C = alpha op(A) op(B) + beta C. The kernel is our
// own on x86-64. On other CPUs, where it has not been measured, it calls OpenBLAS.
// docs/decisions.md gives the reasons.
#pragma once

#include "autodiff/array/shape.h"

#if defined(__x86_64__)
#define TWICE_GEMM 1
#else
#define TWICE_GEMM 0
#endif

namespace twice::kernel {

/// C (m, n) = alpha op(A) op(B) + beta C. All matrices are row-major, f32 or f64. op(A) is (m, k)
/// and op(B) is (k, n). A leading dimension (lda, ldb, ldc) is the distance between stored rows.
/// With beta = 0, C is not read. Each element of C is one sum over k, in an order that depends
/// neither on m and n nor on its position. With `lower`, only the elements on and below the
/// diagonal of C are specified. Allocates nothing.
template <class T>
void gemm(bool transpose_a, bool transpose_b, Index m, Index n, Index k, T alpha, const T* a,
          Index lda, const T* b, Index ldb, T beta, T* c, Index ldc, bool lower = false);

/// True if the products run in our kernel and not in OpenBLAS. With our kernel, an element of C has
/// the same bits in every call that computes it. OpenBLAS does not promise this.
inline constexpr bool own_gemm = TWICE_GEMM;

/// The name of the kernel, such as "twice, 256-bit vectors", or "OpenBLAS".
const char* gemm_kernel();

}  // namespace twice::kernel
