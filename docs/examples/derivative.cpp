// The derivatives of a function of one variable, to the third order.
//
//   f = x sin x,   f' = sin x + x cos x,   f'' = 2 cos x - x sin x,   f''' = -3 sin x - x cos x
//
// `grad` records a derivative on the tape that holds f. The derivative is a function too, and
// `grad` of the derivative is the next derivative. Newton's method needs the second derivative,
// and bounds on its error need the third.
#include <autodiff/autodiff.h>
#include <fmt/core.h>

using namespace twice;

int main() {
  Tape tape;
  const Tensor x = tape.input({}, DType::f64, "x");  // a scalar: no axes
  const Tensor f = x * sin(x);
  const Tensor first = grad(f, x)[0];
  const Tensor second = grad(first, x)[0];
  const Tensor third = grad(second, x)[0];

  // Nothing is computed yet. The plan computes all four, for any x.
  Plan plan{f, first, second, third};
  fmt::print("x        f       f'      f''     f'''\n");
  for (const double at : {1.0, 2.0, 3.0}) {
    plan.run({{x, Array::scalar(at, DType::f64)}});
    fmt::print("{:.0f}", at);
    for (const Tensor value : {f, first, second, third})
      fmt::print("  {:7.4f}", plan.value(value).item());
    fmt::print("\n");
  }
}

// Prints:
// x        f       f'      f''     f'''
// 1   0.8415   1.3818   0.2391  -3.0647
// 2   1.8186   0.0770  -2.6509  -1.8956
// 3   0.4234  -2.8289  -2.4033   2.5466
