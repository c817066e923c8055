// Lab 3: an op of the Bilinear family.
//
// The cross product y = a x b of two vectors in space has the entries
//
//   y_0 = a_1 b_2 - a_2 b_1      y_1 = a_2 b_0 - a_0 b_2      y_2 = a_0 b_1 - a_1 b_0
//
// and is linear in a and in b. The op takes m pairs of vectors at once, as the rows of two arrays
// of the shape (m, 3). Write three functions:
//
//   run      The numbers of one row.
//   apply    The op itself. The family uses it for the jvp: with a tangent s of a, the tangent of
//            y is apply(s, b), and with a tangent s of b, the tangent of y is apply(a, s).
//   adjoint  The vjp of slot 0 or slot 1. With the cotangent d of y, the cotangent of a is the
//            vector c for which <a x b, d> = <a, c> for every a. The same holds for b in slot 1.
//
// The three products <a, b x d>, <b, d x a> and <d, a x b> are equal. Swapping the two factors of
// a cross product changes the sign: a x b = -(b x a).
//
// `apply` and `adjoint` map Tensors to Tensors. They record ops, so each can be differentiated
// again. An empty Tensor, {}, means zero.
//
// The grader compares the values with the definition, and the derivatives with finite differences
// and with each other, up to the third order. In the messages of the grader, J is the Jacobian of a
// function f that calls `cross`, H is the Hessian of <f(x), u>, and u and v are random:
//
//   ./twice test lab 3
#include "docs/book/labs/lab3.h"

#include "autodiff/autodiff.h"

namespace lab {

using namespace twice;

namespace {

struct Cross final : BilinearOp {
  std::string_view name() const override { return "cross"; }

  Spec infer(Specs x) const override {
    if (!(x[0] == x[1]) || x[0].shape.rank() != 2 || x[0].shape[1] != 3)
      fail(name(), "needs two inputs of one shape (m, 3): {} and {}", str(x[0]), str(x[1]));
    return x[0];
  }

  void run(const Inputs& x, const Array& y, std::byte*) const override {
    visit_float(y.dtype(), [&]<class T>(T) {
      for (Index row = 0; row < y.shape()[0]; ++row) {
        const T* a = x[0].data<T>() + 3 * row;
        const T* b = x[1].data<T>() + 3 * row;
        T* c = y.data<T>() + 3 * row;
        // Your code here.
        (void)a, (void)b;
        c[0] = c[1] = c[2] = 0;
      }
    });
  }

  Tensor apply(Tensor a, Tensor b) const override {
    // Your code here.
    (void)a, (void)b;
    return {};
  }

  Tensor adjoint(int slot, std::span<const Tensor> x, Tensor d) const override {
    // Your code here.
    (void)slot, (void)x, (void)d;
    return {};
  }
};

}  // namespace

Tensor cross(Tensor a, Tensor b) { return record<Cross>({a, b}); }

}  // namespace lab
