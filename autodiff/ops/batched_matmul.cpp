#include "autodiff/ops/batched_matmul.h"

#include "autodiff/kernels/matmul.h"
#include "autodiff/ops/bilinear.h"
#include "autodiff/ops/inputs.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/shape_ops.h"

namespace twice {

namespace {

/// C[i] = op(A[i]) op(B[i]). With the cotangent G of C, the cotangent of A is G[i] op(B[i])' and
/// that of B is op(A[i])' G[i], each transposed if its flag is set.
struct BatchedMatMul final : BilinearOp {
  bool ta, tb;
  BatchedMatMul(bool transpose_a, bool transpose_b) : ta(transpose_a), tb(transpose_b) {}
  std::string_view name() const override { return "batched_matmul"; }
  std::string attributes() const override {
    return fmt::format("{} {}", ta ? "A'" : "A", tb ? "B'" : "B");
  }
  Spec infer(Specs x) const override {
    const Shape &a = x[0].shape, &b = x[1].shape;
    if (!is_float(x[0].dtype) || x[0].dtype != x[1].dtype)
      fail(name(), "needs two inputs of dtype f32 or f64, was given {} and {}", str(x[0]),
           str(x[1]));
    if (a.rank() != 3 || b.rank() != 3 || a[0] != b[0])
      fail(name(), "needs two stacks (rank 3) of the same number of matrices: {} x {}", str(a),
           str(b));
    if (a[ta ? 1 : 2] != b[tb ? 2 : 1])
      fail(name(), "inner dimensions differ: {}{} x {}{}", str(a), ta ? "'" : "", str(b),
           tb ? "'" : "");
    return {{a[0], a[ta ? 2 : 1], b[tb ? 1 : 2]}, x[0].dtype};
  }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    for (Index i = 0; i < y.shape()[0]; ++i)
      kernel::matmul(matrix(x[0], i), matrix(x[1], i), ta, tb, matrix(y, i));
  }
  Cost cost(Specs x, const Spec& y) const override {
    Cost cost = Op::cost(x, y);
    cost.flops =
        2.0 * static_cast<double>(y.shape.elements()) * static_cast<double>(x[0].shape[ta ? 1 : 2]);
    cost.products = 1;
    return cost;
  }
  Tensor apply(Tensor a, Tensor b) const override { return batched_matmul(a, b, ta, tb); }
  Tensor adjoint(int slot, std::span<const Tensor> x, Tensor g) const override {
    const Tensor a = x[0], b = x[1];
    if (slot == 0) return ta ? batched_matmul(b, g, tb, true) : batched_matmul(g, b, false, !tb);
    return tb ? batched_matmul(g, a, true, ta) : batched_matmul(a, g, !ta, false);
  }

 private:
  static Array matrix(const Array& stack, Index i) {
    const Shape& shape = stack.shape();
    const Index bytes = shape[1] * shape[2] * static_cast<Index>(size_of(stack.dtype()));
    return Array::over(static_cast<std::byte*>(stack.raw()) + i * bytes, {shape[1], shape[2]},
                       stack.dtype());
  }
};

}  // namespace

Tensor batched_matmul(Tensor a, Tensor b, bool transpose_a, bool transpose_b) {
  return record(BatchedMatMul(transpose_a, transpose_b), {a, b});
}

Tensor outer(Tensor a, Tensor b) {
  check_floats("outer", {a, b});
  if (a.rank() != 1 || b.rank() != 1)
    fail("outer", "needs two vectors (rank 1): {} and {}", str(a.shape()), str(b.shape()));
  return matmul(reshape(a, {a.size(0), 1}), reshape(b, {1, b.size(0)}));
}

}  // namespace twice
