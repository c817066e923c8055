// Chapter 6 of the book: gradient regularization.
#include <autodiff/autodiff.h>
#include <autodiff/profile/ledger.h>
#include <fmt/core.h>
#include <nn/nn.h>
#include <optim/optim.h>

using namespace twice;

struct Problem {
  Tape tape;
  Model net;
  Tensors w;
  ScalarFunction loss;

  explicit Problem(int depth)
      : net(mlp({.inputs = 8, .width = 16, .depth = depth, .outputs = 1, .activation = "tanh"})),
        w(net.parameters(tape, Rng(1), DType::f64)) {
    const Array points({32, 8}, DType::f64), targets({32, 1}, DType::f64);
    fill_normal(Rng(2), 0, 1, points);
    fill_normal(Rng(3), 0, 1, targets);
    const Tensor x = tape.constant(points), y = tape.constant(targets);
    loss = [this, x, y](const Tensors& at) { return mse(net(at, x), y); };
  }
};

Tensors sgd(const ScalarFunction& loss, const Tensors& w, double = 0) { return grad(loss(w), w); }

Tensors double_backpropagation(const ScalarFunction& loss, const Tensors& w, double gamma) {
  const Tensor value = loss(w);
  return grad(value + gamma / 2 * squared_norm(grad(value, w)), w);
}

Tensors exact(const ScalarFunction& loss, const Tensors& w, double gamma) {
  const Tensor value = loss(w);
  const Tensors g = grad(value, w), v = gamma * stop_gradient(g);
  Tensors outputs = {value}, cotangents = {full_like(value, 1)};
  outputs.insert(outputs.end(), g.begin(), g.end());
  cotangents.insert(cotangents.end(), v.begin(), v.end());
  return grad(outputs, w, cotangents);
}

void compare() {
  const Problem p(3);
  const Tensors g = sgd(p.loss, p.w), by_formula = g + 0.5 * hvp(p.loss, p.w, g);
  bool equal = true;
  for (const auto method : {double_backpropagation, exact})
    equal &= evaluate(squared_norm(method(p.loss, p.w, 0.5) - by_formula)).item() < 1e-24;
  fmt::print("both methods give g + gamma H g: {}\n", equal ? "yes" : "no");
}

constexpr double eps = 0.01;

Tensors f_gr(const ScalarFunction& loss, const Tensors& w, double gamma) {
  const Tensors g = sgd(loss, w);
  const Tensors ahead = sgd(loss, stop_gradient(w + eps * g));
  return g + gamma / eps * (ahead - g);
}

Tensors c_gr(const ScalarFunction& loss, const Tensors& w, double gamma) {
  const Tensors g = sgd(loss, w);
  const Tensors ahead = sgd(loss, stop_gradient(w + eps * g));
  const Tensors behind = sgd(loss, stop_gradient(w - eps * g));
  return g + gamma / (2 * eps) * (ahead - behind);
}

void count_by_layer() {
  const Problem p(3);
  const Plan plan({exact(p.loss, p.w, 0.5)}, no_passes());
  int products[phase_count][3] = {};
  for (const Step& step : plan.program().steps)
    if (step.cost.products > 0)  // its scope is linear1, linear2 or linear3
      ++products[static_cast<int>(step.phase)][step.scope->back() - '1'];
  fmt::print("layer            1  2  3\n");
  for (const Phase phase : {Phase::forward, Phase::backward, Phase::double_backward}) {
    const int* row = products[static_cast<int>(phase)];
    fmt::print("{:15}{:3}{:3}{:3}\n", str(phase), row[0], row[1], row[2]);
  }
}

void count_by_depth() {
  fmt::print("L   sgd  3L-1  f-gr  6L-2  c-gr  9L-3 exact  9L-5 double  9L-5\n");
  for (int L = 1; L <= 6; ++L) {
    const auto count = [&](const auto& method) {
      const Problem p(L);
      return ledger(Plan({method(p.loss, p.w, 0.5)}, no_passes()).program()).total().products;
    };
    fmt::print("{}{:6}{:6}{:6}{:6}{:6}{:6}{:6}{:6}{:6}{:6}\n", L, count(sgd), 3 * L - 1,
               count(f_gr), 6 * L - 2, count(c_gr), 9 * L - 3, count(exact), 9 * L - 5,
               count(double_backpropagation), 9 * L - 5);
  }
}

void train() {
  fmt::print("step: loss and |g|     0            10            20           100           200\n");
  for (const auto method : {sgd, f_gr, exact}) {
    const Problem p(3);
    const Tensor loss = p.loss(p.w), norm = sqrt(squared_norm(grad(loss, p.w)));
    const Tensors G = method(p.loss, p.w, 1);
    Plan step{loss, norm, G};
    Optimizer optimizer({.name = "sgd", .lr = 0.02});
    fmt::print("{:12}", method == sgd ? "sgd" : method == f_gr ? "f-gr" : "exact");
    for (int i = 0; i <= 200; ++i) {
      step.run();
      if (i == 0 || i == 10 || i == 20 || i == 100 || i == 200)
        fmt::print("  {:6.3f} {:5.3f}", step.value(loss).item(), step.value(norm).item());
      optimizer.update(p.w, step.values(G));
    }
    fmt::print("\n");
  }
}

int main() {
  compare();
  count_by_layer();
  count_by_depth();
  train();
}
