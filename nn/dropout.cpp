// Dropout: an op for the mask, a function of (seed, step, use), and the layer.
#include <cmath>

#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/inputs.h"
#include "autodiff/threads/parallel.h"
#include "nn/layers.h"

namespace twice {

namespace {

/// y_i = 1 / (1 - rate) where rng.keyed(step, use).uniform(i) >= rate, otherwise 0.  dy/dstep = 0.
struct DropoutMask final : Op {
  Rng rng;
  double rate;
  std::uint64_t use;
  Spec spec;
  DropoutMask(const Rng& r, double p, std::uint64_t u, const Spec& s)
      : rng(r), rate(p), use(u), spec(s) {}

  std::string_view name() const override { return "dropout_mask"; }
  int input_count() const override { return 1; }
  std::string attributes() const override {
    return fmt::format("seed {} use {} rate {} {}", rng.seed(), use, rate, str(spec));
  }
  Spec infer(Specs x) const override {
    if (x[0] != Spec{{}, DType::i32})
      fail(name(), "the step is {}; expected a scalar, i32 ()", str(x[0]));
    return spec;
  }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    const auto step = static_cast<std::uint64_t>(*x[0].data<std::int32_t>());
    const Rng stream = rng.keyed(step, use);
    visit_float(y.dtype(), [&]<class T>(T) {
      T* const out = y.data<T>();
      const T keep = static_cast<T>(1 / (1 - rate));
      parallel_ranges(y.elements(), elements_per_tile, [&](Index first, Index last) {
        for (Index i = first; i < last; ++i)
          out[i] = stream.uniform(static_cast<std::uint64_t>(i)) < rate ? T(0) : keep;
      });
    });
  }
  Tensor vjp(int, std::span<const Tensor>, Tensor, Tensor) const override { return {}; }
  Tensor jvp(int, std::span<const Tensor>, Tensor, Tensor) const override { return {}; }
};

}  // namespace

Layer dropout(double rate, std::uint64_t use) {
  if (!(rate >= 0 && rate < 1))
    fail("dropout", "the rate is {}; expected at least 0 and less than 1", rate);
  return {.forward = [=](Share, Share, Tensor x, ForwardPass& pass) {
    if (!pass.training || rate == 0) return x;
    if (!pass.dropout)
      fail("dropout", "a training pass needs a key (ForwardPass::dropout) to draw its masks from");
    check_floats("dropout", {x});
    const DropoutKey key = pass.dropout();
    const Scope scope(x);
    return x * record(DropoutMask(key.rng, rate, use, x.spec()), {key.step});
  }};
}

}  // namespace twice
