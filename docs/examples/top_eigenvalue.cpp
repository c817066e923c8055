// The largest eigenvalue of the Hessian of a loss, by power iteration.
//
//   v <- H v / |H v|,   eigenvalue = v'H v / v'v
//
// This eigenvalue measures how sharply the loss curves: near a minimum, gradient descent is stable
// only if the learning rate is below 2 / eigenvalue. The iteration needs products H v and never H
// itself. It finds the eigenvalue of the largest absolute value, which is positive here.
#include <autodiff/autodiff.h>
#include <fmt/core.h>
#include <nn/nn.h>
#include <optim/optim.h>

using namespace twice;

Array normal(const Shape& shape, const Rng& rng) {
  Array numbers(shape, DType::f64);
  fill_normal(rng, 0, 1, numbers);
  return numbers;
}

int main() {
  Tape tape;
  const Model net = mlp({.inputs = 4, .width = 16, .depth = 3, .outputs = 1, .activation = "tanh"});
  const Tensors w = net.parameters(tape, Rng(1), DType::f64);
  const Tensor x = tape.constant(normal({32, 4}, Rng(2)));
  const Tensor loss = mean(square(net(w, x) - sum(sin(x), {1}, true)));

  // v has the shapes of the weights. Each run binds it to the result of the run before.
  Tensors v;
  std::vector<Binding> bindings;
  for (std::size_t i = 0; i < w.size(); ++i) {
    v.push_back(tape.input(w[i].shape(), DType::f64, "v"));
    bindings.push_back({v[i], normal(w[i].shape(), Rng(3, i))});
  }
  const Tensors Hv = grad(grad(loss, w), w, v);  // v is the cotangent of the gradient
  const Tensor eigenvalue = dot(v, Hv) / dot(v, v);
  const Tensors next = (1 / sqrt(squared_norm(Hv))) * Hv;

  Plan plan{eigenvalue, next};
  for (int i = 1; i <= 12; ++i) {
    plan.run(bindings);
    if (i % 2 == 0) fmt::print("{:2} products: {:.3f}\n", i, plan.value(eigenvalue).item());
    for (std::size_t k = 0; k < v.size(); ++k) bindings[k].value = plan.value(next[k]);
  }
  // The library's Lanczos iteration, which needs fewer products where eigenvalues lie close.
  const MatVec product = hessian_matvec(loss, w);
  fmt::print("lanczos: {:.3f}\n", lanczos(product, evaluate(w), Rng(4)).top.value);
}

// Prints:
//  2 products: 4.010
//  4 products: 6.007
//  6 products: 6.112
//  8 products: 6.119
// 10 products: 6.120
// 12 products: 6.121
// lanczos: 6.121
