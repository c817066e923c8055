// The product of a network's Hessian with a vector, H v, in three ways; g is the loss's gradient.
//
//   reverse over reverse   grad <g, v>
//   forward over reverse   the derivative of g along v
//   finite difference      (g(w + eps v) - g(w - eps v)) / (2 eps)
//
// H has a row for every weight, so it is too large to be stored, but H v costs only a few
// gradients. The first two ways are exact up to rounding. The third is cheaper here, and its error
// is of order eps^2: dividing eps by 10 divides the error by about 100.
#include <autodiff/autodiff.h>
#include <fmt/core.h>
#include <nn/nn.h>

using namespace twice;

Array normal(const Shape& shape, const Rng& rng) {
  Array numbers(shape, DType::f64);
  fill_normal(rng, 0, 1, numbers);
  return numbers;
}

int main() {
  Tape tape;
  const Model net = mlp({.inputs = 8, .width = 32, .depth = 3, .outputs = 2, .activation = "tanh"});
  const Tensors w = net.parameters(tape, Rng(1), DType::f64);
  const Tensor x = tape.constant(normal({16, 8}, Rng(2)));
  const ScalarFunction loss = [&](const Tensors& at) { return mean(square(net(at, x) - 1)); };
  Tensors v;
  for (std::size_t i = 0; i < w.size(); ++i)
    v.push_back(tape.constant(normal(w[i].shape(), Rng(3, i))));

  const Tensors exact = hvp(loss, w, v);
  const auto show = [&](const std::string& way, const Tensors& Hv) {
    const double error = evaluate(sqrt(squared_norm(Hv - exact) / squared_norm(exact))).item();
    const int products = ledger(Plan{Hv}.program()).total().products;
    fmt::print("{:29}{:2} products, error {}\n", way, products,
               error < 1e-12 ? "below 1e-12" : fmt::format("{:.1e}", error));
  };
  show("reverse over reverse", exact);
  show("forward over reverse", hvp(loss, w, v, HvpMode::forward_over_reverse));
  for (const double eps : {0.1, 0.01, 0.001})
    show(fmt::format("finite difference, eps {}", eps),
         hvp(loss, w, v, HvpMode::finite_difference, eps));
}

// Prints:
// reverse over reverse         19 products, error below 1e-12
// forward over reverse         19 products, error below 1e-12
// finite difference, eps 0.1   15 products, error 3.3e-01
// finite difference, eps 0.01  15 products, error 4.3e-03
// finite difference, eps 0.001 15 products, error 4.4e-05
