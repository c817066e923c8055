// A network of three layers, trained on two spirals that the program makes.
//
// The points of the two classes wind around each other, so no straight line separates them. A step
// runs a plan, which computes the loss and its gradient, and then the optimiser changes the weights
// in place. To train on numbers of your own, put them into the arrays `points` and `classes`.
#include <autodiff/autodiff.h>
#include <fmt/core.h>
#include <nn/nn.h>
#include <optim/optim.h>

#include <cmath>

using namespace twice;

int main() {
  const Index count = 200;
  Array points({count, 2}, DType::f64), classes({count}, DType::i32);
  for (Index i = 0; i < count; ++i) {
    const Index spiral = i % 2;
    const double radius = static_cast<double>(i + 20) / count;
    const double angle = 8 * radius + 3.1416 * static_cast<double>(spiral);
    points.set(2 * i, radius * std::cos(angle));
    points.set(2 * i + 1, radius * std::sin(angle));
    classes.set(i, spiral);
  }

  Tape tape;
  const Tensor x = tape.input({count, 2}, DType::f64), y = tape.labels({count});
  const Model net = mlp({.inputs = 2, .width = 32, .depth = 3, .outputs = 2, .activation = "tanh"});
  const Tensors w = net.parameters(tape, Rng(1), DType::f64);
  const Tensor scores = net(w, x), loss = cross_entropy(scores, y);
  const Tensors g = grad(loss, w);

  Plan step{loss, scores, g};
  Optimizer adam({.name = "adam", .lr = 0.01});
  for (int i = 0; i <= 200; ++i) {
    step.run({{x, points}, {y, classes}});
    if (i % 50 == 0)
      fmt::print("step {:3}: loss {:.3f}, accuracy {:.3f}\n", i, step.value(loss).item(),
                 accuracy(step.value(scores), classes));
    adam.update(w, step.values(g));
  }
}

// Prints:
// step   0: loss 0.709, accuracy 0.495
// step  50: loss 0.451, accuracy 0.795
// step 100: loss 0.138, accuracy 0.995
// step 150: loss 0.050, accuracy 1.000
// step 200: loss 0.018, accuracy 1.000
