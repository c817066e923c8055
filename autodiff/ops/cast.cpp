#include "autodiff/ops/cast.h"

#include "autodiff/ops/inputs.h"
#include "autodiff/ops/linear.h"
#include "autodiff/threads/parallel.h"

namespace twice {

namespace {

/// y = x in another dtype.  Adjoint: the cast back.
struct Cast final : LinearOp {
  DType dtype;
  explicit Cast(DType to) : dtype(to) {}
  std::string_view name() const override { return "cast"; }
  std::string attributes() const override { return fmt::format("to {}", str(dtype)); }
  Spec infer(Specs x) const override {
    check_floats(name(), x);
    if (!is_float(dtype)) fail(name(), "casts to f32 or f64, not to {}", str(dtype));
    return {x[0].shape, dtype};
  }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    visit_float(x[0].dtype(), [&]<class From>(From) {
      visit_float(dtype, [&]<class To>(To) {
        const From* from = x[0].data<From>();
        To* to = y.data<To>();
        parallel_ranges(y.elements(), elements_per_tile, [&](Index first, Index last) {
          for (Index i = first; i < last; ++i) to[i] = static_cast<To>(from[i]);
        });
      });
    });
  }
  Tensor adjoint(std::span<const Tensor> x, Tensor g) const override {
    return cast(g, x[0].dtype());
  }
  Tensor apply(std::span<const Tensor>, Tensor t) const override { return cast(t, dtype); }
};

}  // namespace

Tensor cast(Tensor x, DType dtype) {
  check_floats("cast", {x});
  return x.dtype() == dtype ? x : record(Cast(dtype), {x});
}

}  // namespace twice
