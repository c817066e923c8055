// The shared parts of all elementwise ops: the loop, the vjp and the jvp.
#include "autodiff/ops/elementwise_op.h"

#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/compare.h"
#include "autodiff/ops/inputs.h"
#include "autodiff/threads/parallel.h"

namespace twice {

Spec ElementwiseOp::infer(Specs x) const {
  check_floats(name(), x);
  for (const Spec& input : x)
    if (!(input.shape == x[0].shape))
      fail(name(), "shapes differ: {} and {}", str(x[0].shape), str(input.shape));
  return x[0];
}

void ElementwiseOp::run(const Inputs& x, const Array& y, std::byte*) const {
  const auto size = static_cast<Index>(size_of(y.dtype()));
  parallel_ranges(y.elements(), elements_per_tile, [&](Index first, Index last) {
    const void* in[3];
    for (std::size_t slot = 0; slot < x.size(); ++slot)
      in[slot] = static_cast<const std::byte*>(x[slot].raw()) + first * size;
    block(y.dtype(), in, static_cast<std::byte*>(y.raw()) + first * size, last - first);
  });
}

Cost ElementwiseOp::cost(Specs x, const Spec& y) const {
  Cost cost = Op::cost(x, y);
  cost.flops *= flops_per_element();
  return cost;
}

namespace {

/// diag(slope) v. The Jacobian is symmetric, so the vjp and the jvp are the same product.
Tensor times(const Slope& slope, Tensor v) {
  if (!slope.tensor && slope.number == 0) return {};
  if (slope.tensor)
    v = slope.tensor * v;
  else if (slope.number != 1)
    v = slope.number * v;
  return slope.mask ? masked(v, slope.mask) : v;
}

}  // namespace

Tensor ElementwiseOp::vjp(int slot, std::span<const Tensor> x, Tensor y, Tensor g) const {
  return times(slope(slot, x, y), g);
}

Tensor ElementwiseOp::jvp(int slot, std::span<const Tensor> x, Tensor y, Tensor t) const {
  return times(slope(slot, x, y), t);
}

}  // namespace twice
