// An energy that is learned from forces.
//
//   E(r; w) = sum over pairs N(d^2; w),   F = -dE/dr,   loss = mean (F - F_true)^2
//
// A simulation computes the forces on atoms at positions r. A network N of the squared distance d^2
// of two atoms learns an energy that has these forces. F is a gradient with respect to r, so the
// gradient of the loss with respect to the weights w is a second derivative. The true energy of the
// three atoms here is the sum over pairs of (d^2 - 1)^2 / 4.
#include <autodiff/autodiff.h>
#include <fmt/core.h>
#include <nn/nn.h>
#include <optim/optim.h>

using namespace twice;

int main() {
  const Index count = 32;
  Array positions({count, 3, 2}, DType::f64);
  fill_normal(Rng(1), 0, 0.6, positions);

  Tape tape;
  const Tensor r = tape.constant(positions);  // (configuration, atom, coordinate)
  // The next atom of each: 2 for 1, 3 for 2, 1 for 3. These are the three pairs.
  const Tensor next = concat({slice(r, 1, 1, 3), slice(r, 1, 0, 1)}, 1);
  const Tensor squares = sum(square(r - next), {2});
  const auto forces = [&](Tensor energy) { return -grad(sum(energy), r)[0]; };

  const Model net = mlp({.inputs = 1, .width = 16, .depth = 3, .outputs = 1, .activation = "tanh"});
  const Tensors w = net.parameters(tape, Rng(2), DType::f64);
  const Tensor truth = forces(square(squares - 1) / 4);
  const Tensor learned = forces(net(w, reshape(squares, {3 * count, 1})));
  const Tensor loss = mean(square(learned - truth));
  const Tensors g = grad(loss, w);

  Plan step{loss, learned, truth, g};
  Optimizer adam({.name = "adam", .lr = 0.01});
  for (int i = 0; i <= 400; ++i) {
    step.run();
    if (i % 100 == 0) fmt::print("step {:3}: loss {:.4f}\n", i, step.value(loss).item());
    adam.update(w, step.values(g));
  }
  const Array &found = step.value(learned), &wanted = step.value(truth);
  for (Index atom = 0; atom < 3; ++atom)
    fmt::print("force on atom {}: ({:6.3f}, {:6.3f}), true ({:6.3f}, {:6.3f})\n", atom + 1,
               found.at(2 * atom), found.at(2 * atom + 1), wanted.at(2 * atom),
               wanted.at(2 * atom + 1));
}

// Prints:
// step   0: loss 8.9656
// step 100: loss 0.0033
// step 200: loss 0.0012
// step 300: loss 0.0011
// step 400: loss 0.0004
// force on atom 1: (-0.049, -0.358), true (-0.045, -0.357)
// force on atom 2: ( 0.259,  0.288), true ( 0.256,  0.280)
// force on atom 3: (-0.211,  0.070), true (-0.211,  0.077)
