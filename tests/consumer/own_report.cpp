// A program without a command line. Writes records and pages about the costs, plans, derivatives
// and methods of a tape with its own op and of a problem built by hand. The exit status is 1 if a
// check fails.
#include <experiments/experiments.h>

#include <iostream>

using namespace twice;
using namespace twice::experiments;

namespace {

/// y = x^3, an op that belongs to no family.
struct Cube final : Op {
  std::string_view name() const override { return "cube"; }
  int input_count() const override { return 1; }
  Spec infer(Specs x) const override { return x[0]; }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    for (Index i = 0; i < y.elements(); ++i) y.set(i, x[0].at(i) * x[0].at(i) * x[0].at(i));
  }
  Tensor vjp(int, std::span<const Tensor> x, Tensor, Tensor g) const override {
    return 3 * square(x[0]) * g;
  }
  Tensor jvp(int slot, std::span<const Tensor> x, Tensor y, Tensor t) const override {
    return vjp(slot, x, y, t);
  }
};
Tensor cube(Tensor x) { return record<Cube>({x}); }

Array normal(const Shape& shape, DType dtype = DType::f32) {
  Array numbers(shape, dtype);
  fill_normal(Rng(1), 0, 0.1, numbers);
  return numbers;
}

/// Two products with the op between them, the gradient, and H g.
void own_tape() {
  Tape tape;
  const Tensor x = tape.input({32, 64}, DType::f32, "x");
  const Tensor u = tape.parameter(normal({64, 48}), "u"), v = tape.parameter(normal({48, 8}), "v");
  const auto layer = [&](const char* name, Tensor in, Tensor w) {
    const Scope scope(tape, name);
    return cube(matmul(in, w));
  };
  const Tensor loss = mean(square(layer("decoder", layer("encoder", x, u), v)));
  const Tensors g = grad(loss, {u, v}), hg = grad(g, {u, v}, stop_gradient(g));

  const Report plan = explain({loss, g, hg}, {.brief = true});
  const Report report = profile(
      {loss, g, hg}, {.bindings = {{x, normal({32, 64})}}, .seconds = 0.1, .name = "cubes"});
  std::cout << plan.text << report.text;
  report.write("cubes");
}

/// A least-squares problem for a network with the op at its output.
Problem line() {
  const Model net = mlp({.inputs = 4, .width = 8, .depth = 2, .outputs = 1, .activation = "tanh"});
  Problem problem{.model = net};
  problem.data.train = {"points", {{"x", normal({24, 4})}, {"y", normal({24, 1})}}};
  problem.options.problem = "line";
  problem.options.batch = 8;
  problem.options.epochs = 2;
  problem.own_loss = [net](const Tensors& w, const BatchTensors& batch, ForwardPass& pass) {
    return mean(square(cube(net(w, batch["x"], pass)) - batch["y"]));
  };
  return problem;
}

}  // namespace

int main() {
  own_tape();
  const Report op = check_derivatives("cube", [](const Tensors& x) { return cube(x[0]); },
                                      {normal({5}, DType::f64)});
  const Report loss = check_derivatives(line());
  std::cout << op.text << loss.text;

  const Report cost = profile(line(), {.methods = {"sgd", "f-gr"}, .seconds = 0.1});
  const Report methods = compare(line(), {.methods = {"sgd", "exact", "f-gr"}, .seconds = 0.1});
  std::cout << cost.text << methods.text;
  cost.write("line");
  methods.write("methods");
  return op.ok && loss.ok ? 0 : 1;
}
