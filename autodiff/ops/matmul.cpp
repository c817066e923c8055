#include "autodiff/ops/matmul.h"

#include "autodiff/kernels/matmul.h"
#include "autodiff/ops/algebra.h"
#include "autodiff/ops/bilinear.h"

namespace twice {

namespace {

/// C = op(A) op(B). With the cotangent G of C, the cotangent of A is G op(B)' and that of B is
/// op(A)' G, each transposed if its flag is set.
struct MatMul final : BilinearOp {
  bool ta, tb;
  MatMul(bool transpose_a, bool transpose_b) : ta(transpose_a), tb(transpose_b) {}
  std::string_view name() const override { return "matmul"; }
  std::string attributes() const override {
    return fmt::format("{} {}", ta ? "A'" : "A", tb ? "B'" : "B");
  }
  Spec infer(Specs x) const override {
    const Shape &a = x[0].shape, &b = x[1].shape;
    if (!is_float(x[0].dtype) || x[0].dtype != x[1].dtype)
      fail(name(), "needs two inputs of dtype f32 or f64, was given {} and {}", str(x[0]),
           str(x[1]));
    if (a.rank() != 2 || b.rank() != 2)
      fail(name(), "needs two matrices (rank 2): {} x {}", str(a), str(b));
    if (a[ta ? 0 : 1] != b[tb ? 1 : 0])
      fail(name(), "inner dimensions differ: {}{} x {}{}", str(a), ta ? "'" : "", str(b),
           tb ? "'" : "");
    return {{a[ta ? 1 : 0], b[tb ? 0 : 1]}, x[0].dtype};
  }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    kernel::matmul(x[0], x[1], ta, tb, y);
  }
  Cost cost(Specs x, const Spec& y) const override {
    Cost cost = Op::cost(x, y);
    cost.flops =
        2.0 * static_cast<double>(y.shape.elements()) * static_cast<double>(x[0].shape[ta ? 0 : 1]);
    cost.products = 1;
    return cost;
  }
  Tensor apply(Tensor a, Tensor b) const override { return matmul(a, b, ta, tb); }
  Tensor adjoint(int slot, std::span<const Tensor> x, Tensor g) const override {
    const Tensor a = x[0], b = x[1];
    if (slot == 0) return ta ? matmul(b, g, tb, true) : matmul(g, b, false, !tb);
    return tb ? matmul(g, a, true, ta) : matmul(a, g, !ta, false);
  }
};

}  // namespace

Tensor matmul(Tensor a, Tensor b, bool transpose_a, bool transpose_b) {
  return record(MatMul(transpose_a, transpose_b), {a, b});
}

std::optional<Transposes> as_matmul(const Op& op) {
  const auto* product = dynamic_cast<const MatMul*>(&op);
  return product ? std::optional(Transposes{product->ta, product->tb}) : std::nullopt;
}

std::shared_ptr<const Op> matmul_op(Transposes flags) {
  return std::make_shared<const MatMul>(flags.a, flags.b);
}

}  // namespace twice
