// The critic of a Wasserstein GAN, trained with a gradient penalty (Gulrajani et al., 2017).
//
//   loss = mean D(fake) - mean D(real) + 10 mean (|dD/dx| - 1)^2,   x between real and fake
//
// With slope 1, the critic D estimates the distance between two distributions, here 2, by
// mean D(real) - mean D(fake). The penalty keeps the slope near 1. The penalty contains a gradient
// with respect to x, so its gradient with respect to the weights is a second derivative. The loss
// is smallest at a slope a little above 1, so the last line divides the estimate by the slope.
#include <autodiff/autodiff.h>
#include <fmt/core.h>
#include <nn/nn.h>
#include <optim/optim.h>

using namespace twice;

int main() {
  const Index count = 64;
  Array real_points({count, 2}, DType::f64), fake_points({count, 2}, DType::f64);
  Array shares({count, 1}, DType::f64);
  fill_normal(Rng(1), 0, 0.5, real_points);
  fill_normal(Rng(2), 0, 0.5, fake_points);
  fill_uniform(Rng(3), 0, 1, shares);

  Tape tape;
  const Tensor real = tape.constant(real_points), share = tape.constant(shares);
  const Tensor fake = real + tape.constant(Array::from<double>({2, 0}, {2}));
  const Model critic =
      mlp({.inputs = 2, .width = 16, .depth = 3, .outputs = 1, .activation = "softplus"});
  const Tensors w = critic.parameters(tape, Rng(4), DType::f64);

  const Tensor between = share * real + (1 - share) * fake;
  const Tensor slope = norm(grad(sum(critic(w, between)), between)[0], {1});
  const Tensor estimate = mean(critic(w, real)) - mean(critic(w, fake));
  const Tensor mean_slope = mean(slope), corrected = estimate / mean_slope;
  const Tensor loss = 10 * mean(square(slope - 1)) - estimate;
  const Tensors g = grad(loss, w);

  Plan step{estimate, mean_slope, corrected, g};
  Optimizer adam({.name = "adam", .lr = 0.01});
  for (int i = 0; i <= 200; ++i) {
    step.run();
    if (i % 50 == 0)
      fmt::print("step {:3}: estimate {:6.3f}, mean slope {:.3f}\n", i, step.value(estimate).item(),
                 step.value(mean_slope).item());
    adam.update(w, step.values(g));
  }
  fmt::print("estimate / slope: {:.3f}\n", step.value(corrected).item());
}

// Prints:
// step   0: estimate  0.401, mean slope 2.087
// step  50: estimate  0.458, mean slope 1.058
// step 100: estimate  2.203, mean slope 1.106
// step 150: estimate  2.210, mean slope 1.100
// step 200: estimate  2.212, mean slope 1.100
// estimate / slope: 2.011
