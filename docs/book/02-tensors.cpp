// Chapter 2 of the book: recording computes nothing.
#include <autodiff/autodiff.h>
#include <fmt/core.h>

using namespace twice;

void print_from(Tape& tape, int first) {
  for (int i = first; i < tape.size(); ++i)
    fmt::print("{}, from %{}\n", tape.handle(i), tape.node(i).origin);
}

int main() {
  Tape huge;
  const Tensor M = huge.input({1'000'000, 1'000'000}, DType::f32, "M");
  fmt::print("{}\n", matmul(M, M));

  Tape tape;
  const Array weights = Array::from<double>({1, 2, 3, 4, 5, 6}, {3, 2});
  const Array bias = Array::from<double>({10, 20}, {2});
  const Tensor x = tape.input({2, 3}, DType::f64, "x");
  const Tensor W = tape.parameter(weights, "W"), b = tape.parameter(bias, "b");
  const Tensor z = matmul(x, W) + b;
  const Tensor loss = sum(square(z));

  try {
    matmul(x, x);
  } catch (const Error& error) {
    fmt::print("{}\n", error.what());
  }
  fmt::print("{}\n", tape);

  const Array first = Array::from<double>({1, 0, 0, 0, 1, 0}, {2, 3});
  fmt::print("z = {}\n", evaluate(z, {{x, first}}));

  const int forward_nodes = tape.size();
  const Tensors g = grad(loss, {W, b});
  print_from(tape, forward_nodes);

  Plan plan{loss, g};
  plan.run({{x, first}});
  fmt::print("loss = {}\n", plan.value(loss).item());
  fmt::print("V = {}\n", plan.value(g[0]));
  fmt::print("gradient with respect to b = {}\n", plan.value(g[1]));

  const Array second = Array::from<double>({0, 0, 1, 0, 0, 1}, {2, 3});
  plan.run({{x, second}});
  fmt::print("another batch: loss = {}\n", plan.value(loss).item());

  bias.set(0, 0);  // the first entry becomes 0
  plan.run();
  fmt::print("another bias:  loss = {}\n", plan.value(loss).item());

  const int all_nodes = tape.size();
  grad(g, {W, b}, stop_gradient(g));
  print_from(tape, all_nodes);
}
