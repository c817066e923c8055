// Products of arrays: the kernel for one thread (gemm.h), applied to tiles of the result.
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

/// C = op(A) op(B) for contiguous f32 or f64 matrices. One thread computes each tile of C. The bits
/// are the same for every number of threads.
void matmul(const Array& a, const Array& b, bool transpose_a, bool transpose_b, const Array& c);

/// C = beta C + sum_i scale_i op(A_i) op(B_i). One call of the kernel computes one product on one
/// tile. With beta = 0, C is not read. C may be a part of the whole result that starts at row `row`
/// and column `column`. The rows of C need not be adjacent in memory.
void sum_of_products(std::span<const Product> products, double beta, const Array& c, Index row = 0,
                     Index column = 0);

/// C = scale op(A) op(A)', which is symmetric. Only the part on and below the diagonal is computed;
/// the part above is copied.
void gram(const Array& a, bool transpose, double scale, const Array& c);

}  // namespace twice::kernel
