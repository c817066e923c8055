// Lab 3: the solution.
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
        c[0] = a[1] * b[2] - a[2] * b[1];
        c[1] = a[2] * b[0] - a[0] * b[2];
        c[2] = a[0] * b[1] - a[1] * b[0];
      }
    });
  }

  Tensor apply(Tensor a, Tensor b) const override { return cross(a, b); }

  Tensor adjoint(int slot, std::span<const Tensor> x, Tensor d) const override {
    return slot == 0 ? cross(x[1], d) : cross(d, x[0]);
  }
};

}  // namespace

Tensor cross(Tensor a, Tensor b) { return record<Cross>({a, b}); }

}  // namespace lab
