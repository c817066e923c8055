// Matrix products: how C is cut into tiles, and one BLAS call for each.
#include "autodiff/array/matmul.h"

#include <cblas.h>

#include "autodiff/array/parallel.h"

namespace twice {

namespace {

// The largest tile of C: wide enough that OpenBLAS's packing is a small part of the work.
constexpr Index largest_side = 256;
// Products with few such tiles are cut further, while a tile keeps this much work for its thread.
constexpr Index wanted_tiles = 8, smallest_side = 64, least_flops = 1 << 22;

struct TileSize {
  Index rows, columns;
};

/// Depends on the shape alone, never on the threads.
TileSize tile_size(Index m, Index n, Index k) {
  TileSize tile{std::min(m, largest_side), std::min(n, largest_side)};
  while (ceil_div(m, tile.rows) * ceil_div(n, tile.columns) < wanted_tiles) {
    Index& side = tile.columns >= tile.rows ? tile.columns : tile.rows;
    if (side < 2 * smallest_side || tile.rows * tile.columns * k < least_flops) break;
    side = ceil_div(side, 2);
  }
  return tile;
}

/// Outside a parallel region OpenBLAS would use threads of its own, and then its sums depend on
/// how many there are: while this lives, it has one.
class SingleThreadedBlas {
 public:
  explicit SingleThreadedBlas(bool needed) : before_(needed && !omp_in_parallel() ? threads() : 0) {
    if (before_ > 0) set_threads(1);
  }
  ~SingleThreadedBlas() {
    if (before_ > 0) set_threads(before_);
  }
  SingleThreadedBlas(const SingleThreadedBlas&) = delete;
  SingleThreadedBlas& operator=(const SingleThreadedBlas&) = delete;

 private:
  int before_;
};

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
    const TileSize size = tile_size(m, n, k);
    const Index columns = ceil_div(n, size.columns), tiles = ceil_div(m, size.rows) * columns;
    const SingleThreadedBlas single(tiles == 1);
    parallel_for(tiles, [&](Index tile) {
      const Index row = tile / columns * size.rows, column = tile % columns * size.columns;
      gemm(transpose_a ? CblasTrans : CblasNoTrans, transpose_b ? CblasTrans : CblasNoTrans,
           static_cast<int>(std::min(size.rows, m - row)),
           static_cast<int>(std::min(size.columns, n - column)), static_cast<int>(k),
           a.data<T>() + (transpose_a ? row : row * lda), static_cast<int>(lda),
           b.data<T>() + (transpose_b ? column * ldb : column), static_cast<int>(ldb),
           c.data<T>() + row * n + column, static_cast<int>(n));
    });
  });
}

}  // namespace twice
