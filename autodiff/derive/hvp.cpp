#include "autodiff/derive/hvp.h"

#include "autodiff/derive/grad.h"
#include "autodiff/ops/tensors.h"

namespace twice {

Tensors hvp(const ScalarFunction& f, const Tensors& w, const Tensors& v, HvpMode mode, double eps) {
  const auto gradient_at = [&](const Tensors& point) { return grad(f(point), point); };
  switch (mode) {
    case HvpMode::reverse_over_reverse:
      return grad(gradient_at(w), w, stop_gradient(v));
    case HvpMode::forward_over_reverse:
      return push(gradient_at(w), w, v);
    case HvpMode::finite_difference:
      if (!(eps > 0)) fail("hvp", "eps must be > 0, was {}", eps);
      check_independent("hvp", w);
      // If v was computed from inputs of the loss, derivatives with respect to these stop here.
      return (gradient_at(stop_gradient(w + eps * v)) - gradient_at(stop_gradient(w - eps * v))) /
             (2 * eps);
  }
  fail("hvp", "unknown mode {}", static_cast<int>(mode));
}

}  // namespace twice
