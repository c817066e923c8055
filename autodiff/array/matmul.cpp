#include "autodiff/array/matmul.h"

#include <cblas.h>

#include "autodiff/array/parallel.h"

namespace twice {

namespace {

// A tile of C is at most this large: wide enough that OpenBLAS's packing is a small
// part of the work, small enough that one layer's product occupies several cores.
constexpr Index tile_rows = 256;
constexpr Index tile_columns = 256;

void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, const float* a, int lda,
          const float* b, int ldb, float* c, int ldc) {
  cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1, a, lda, b, ldb, 0, c, ldc);
}

void gemm(CBLAS_TRANSPOSE ta, CBLAS_TRANSPOSE tb, int m, int n, int k, const double* a, int lda,
          const double* b, int ldb, double* c, int ldc) {
  cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1, a, lda, b, ldb, 0, c, ldc);
}

}  // namespace

void matmul(const Array& a, const Array& b, bool transpose_a, bool transpose_b, const Array& c) {
  const Index m = c.shape()[0], n = c.shape()[1], k = a.shape()[transpose_a ? 0 : 1];
  if (m == 0 || n == 0) return;
  visit_float(c.dtype(), [&]<class T>(T) {
    if (k == 0) {
      std::fill_n(c.data<T>(), m * n, T(0));
      return;
    }
    const Index lda = a.shape()[1], ldb = b.shape()[1];
    const Index columns = ceil_div(n, tile_columns);
    parallel_for(ceil_div(m, tile_rows) * columns, [&](Index tile) {
      const Index row = tile / columns * tile_rows, column = tile % columns * tile_columns;
      gemm(transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans,
           static_cast<int>(std::min(tile_rows, m - row)),
           static_cast<int>(std::min(tile_columns, n - column)), static_cast<int>(k),
           a.data<T>() + (transpose_a ? row : row * lda), static_cast<int>(lda),
           b.data<T>() + (transpose_b ? column * ldb : column), static_cast<int>(ldb),
           c.data<T>() + row * n + column, static_cast<int>(n));
    });
  });
}

}  // namespace twice
