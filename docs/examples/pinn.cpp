// A physics-informed network, which solves a differential equation without data.
//
//   u'' = -sin x on [0, pi],   u(0) = u(pi) = 0;   the solution is u = sin x
//
// The network N gives u = x (pi - x) N(x), which is 0 at both ends. The loss is the mean of
// (u'' + sin x)^2 over points in between. The loss contains second derivatives
// with respect to x. Training also differentiates the loss with respect to the weights.
#include <autodiff/autodiff.h>
#include <fmt/core.h>
#include <nn/nn.h>
#include <optim/optim.h>

using namespace twice;

int main() {
  const Index count = 32;
  const double pi = 3.14159265358979;
  Array points({count, 1}, DType::f64);
  for (Index i = 0; i < count; ++i) points.set(i, pi * (static_cast<double>(i) + 0.5) / count);

  Tape tape;
  const Tensor x = tape.constant(points);
  const Model net = mlp({.inputs = 1, .width = 16, .depth = 3, .outputs = 1, .activation = "tanh"});
  const Tensors w = net.parameters(tape, Rng(1), DType::f64);

  // Each u depends on its own x alone, so the gradient of the sum holds each u'.
  const Tensor u = x * (pi - x) * net(w, x);
  const Tensor slope = grad(sum(u), x)[0];
  const Tensor bend = grad(sum(slope), x)[0];
  const Tensor loss = mean(square(bend + sin(x)));
  const Tensor error = max(abs(u - sin(x)));
  const Tensors g = grad(loss, w);

  Plan step{loss, error, g};
  Optimizer adam({.name = "adam", .lr = 0.01});
  for (int i = 0; i <= 400; ++i) {
    step.run();
    if (i % 100 == 0)
      fmt::print("step {:3}: loss {:.1e}, largest error {:.1e}\n", i, step.value(loss).item(),
                 step.value(error).item());
    adam.update(w, step.values(g));
  }
}

// Prints:
// step   0: loss 7.0e-01, largest error 1.1e+00
// step 100: loss 1.3e-03, largest error 8.7e-03
// step 200: loss 1.3e-04, largest error 2.6e-03
// step 300: loss 2.4e-05, largest error 8.1e-04
// step 400: loss 1.5e-05, largest error 5.2e-04
