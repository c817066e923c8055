// An op of your own with its derivative, checked to the third order.
//
//   y = ln cosh x,   dy/dx = tanh x
//
// As a loss, y is x^2 / 2 near 0 and |x| - ln 2 far away, so outliers count less than in a squared
// loss. `eval` computes y, and `slope` records its derivative with ops of the library. All higher
// derivatives follow from these. `check_derivatives` compares each order with finite differences of
// the order below.
#include <autodiff/autodiff.h>
#include <fmt/core.h>

using namespace twice;

struct LogCosh final : Elementwise<LogCosh, 1> {
  std::string_view name() const override { return "log_cosh"; }
  template <class V>
  V eval(V x) const {
    // exp(x) would overflow for large x; this form never does.
    return abs(x) + log1p(exp(V(-2) * abs(x))) - V(0.693147180559945309);
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override { return tanh(x[0]); }
};
Tensor log_cosh(Tensor x) { return record<LogCosh>({x}); }

int main() {
  Tape tape;
  const Tensor x = tape.constant(Array::from<double>({-30, -1, 0.5, 2}, {4}));
  const Tensor y = log_cosh(x), slope = grad(sum(y), x)[0], bend = grad(sum(slope), x)[0];
  const std::vector<Array> values = evaluate({x, y, slope, bend});
  for (Index i = 0; i < 4; ++i)
    fmt::print("x = {:5.1f}: y = {:7.4f}, y' = {:7.4f}, y'' = {:.4f}\n", values[0].at(i),
               values[1].at(i), values[2].at(i), values[3].at(i));

  const Function function = [](const Tensors& in) { return Tensors{log_cosh(in[0])}; };
  for (const CheckResult& result :
       check_derivatives(function, {Array::from<double>({-2, -0.3, 0.1, 1.5}, {4})}))
    fmt::print("order {}, {}: {}\n", result.order, result.check, result.ok ? "ok" : str(result));
}

// Prints:
// x = -30.0: y = 29.3069, y' = -1.0000, y'' = 0.0000
// x =  -1.0: y =  0.4338, y' = -0.7616, y'' = 0.4200
// x =   0.5: y =  0.1201, y' =  0.4621, y'' = 0.7864
// x =   2.0: y =  1.3250, y' =  0.9640, y'' = 0.0707
// order 1, finite difference: ok
// order 1, adjoint: ok
// order 1, planned: ok
// order 2, finite difference: ok
// order 2, forward over reverse: ok
// order 2, reverse over forward: ok
// order 2, planned: ok
// order 3, finite difference: ok
// order 3, planned: ok
