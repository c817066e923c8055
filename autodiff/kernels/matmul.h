// Products of arrays: the kernel of one thread (gemm.h) on tiles of the result.
#pragma once

#include <span>

#include "autodiff/array/array.h"

namespace twice::kernel {

/// One product of a sum: scale op(A) op(B).
struct Product {
  const Array* a = nullptr;
  const Array* b = nullptr;
  bool transpose_a = false, transpose_b = false;
  double scale = 1;
};

/// C = op(A) op(B), contiguous, f32 or f64. Each tile of C is the work of one thread; the bits are
/// the same at any number of threads.
void matmul(const Array& a, const Array& b, bool transpose_a, bool transpose_b, const Array& c);

/// C = beta C + sum_i scale_i op(A_i) op(B_i), tile by tile, each tile by one call of the kernel
/// for each product. With beta = 0 what C holds is not read. C may be a part of the whole result,
/// from row `row` and column `column` on; its rows need not touch in memory.
void sum_of_products(std::span<const Product> products, double beta, const Array& c, Index row = 0,
                     Index column = 0);

/// C = scale op(A) op(A)', which is symmetric: columns of tiles from the diagonal down are
/// computed, what is above it is copied.
void gram(const Array& a, bool transpose, double scale, const Array& c);

}  // namespace twice::kernel
