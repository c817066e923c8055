// Chapter 4 of the book: grad and push are adjoint.
#include <autodiff/autodiff.h>
#include <autodiff/profile/ledger.h>
#include <fmt/core.h>
#include <nn/nn.h>

#include <cmath>
#include <map>

using namespace twice;

Tensor number(Tape& tape, double value) { return tape.constant(value, DType::f64); }

struct Example {
  Tape tape;
  Tensor a = number(tape, 2), b = number(tape, 3);
  Tensor p = a * b, q = square(a), y1 = p + q, y2 = p * b;
  Tensors nodes = {a, b, p, q, y1, y2};
};

void show(const char* title, const Tensors& row) {
  fmt::print("{:9}", title);
  for (Tensor entry : row) fmt::print("{:6.0f}", evaluate(entry).item());
  fmt::print("\n");
}

Tensors forward_sweep(const Tensors& ys, const Tensors& wrt, const Tensors& v) {
  Tape& tape = ys[0].tape();
  const int recorded = tape.size();
  std::map<int, Tensor> tangent;  // by node; a node without an entry has the tangent zero
  for (std::size_t i = 0; i < wrt.size(); ++i) tangent[wrt[i].index()] = v[i];
  for (int i = 0; i < recorded; ++i) {
    const Node node = tape.node(i);  // a copy, because the rules append nodes to the tape
    if (!node.op) continue;          // a leaf
    Tensors x;
    for (int input : tape.inputs_of(node)) x.push_back(tape.handle(input));
    for (std::size_t slot = 0; slot < x.size(); ++slot) {
      const Tensor t = tangent[x[slot].index()];
      if (!t) continue;
      const Tensor term = node.op->jvp(static_cast<int>(slot), x, tape.handle(i), t);
      if (term) tangent[i] = tangent[i] ? tangent[i] + term : term;
    }
  }
  Tensors result;
  for (Tensor y : ys) result.push_back(tangent[y.index()]);
  return result;
}

void show_both_sweeps() {
  Example e;
  const Tensors v = {number(e.tape, 1), number(e.tape, 10)};
  const Tensors u = {number(e.tape, 1), number(e.tape, 100)};
  fmt::print("              a     b     p     q    y1    y2\n");
  show("value", e.nodes);
  show("tangent", forward_sweep(e.nodes, {e.a, e.b}, v));
  show("cotangent", grad({e.y1, e.y2}, e.nodes, u));
}

int products(const Tensors& outputs) {
  PlanOptions as_recorded = no_passes();
  as_recorded.dead_code = true;  // leaves out nodes that no output needs
  return ledger(Plan({outputs}, as_recorded).program()).total().products;
}

struct Network {
  Tape tape;
  Model net = mlp({.inputs = 50, .width = 20, .depth = 3, .outputs = 4, .activation = "tanh"});
  Tensors w = net.parameters(tape, Rng(1), DType::f64);
  Tensor x = tape.constant(Array::filled({1, 50}, DType::f64, 0.5));
  Tensor y = net(w, x);
};

void count_sweeps() {
  Network n;
  Tensors columns;
  for (int j = 0; j < 50; ++j) columns.push_back(push(n.y, n.x, n.x)[0]);
  fmt::print("products: y {}, y and J v {}, y and J' u {}\n", products(n.y),
             products({n.y, columns[0]}), products({n.y, grad(n.y, n.x, n.y)[0]}));
  fmt::print("          y and J by columns {}, y and J by rows {}\n",
             products({n.y, stack(columns)}), products({n.y, jacobian(n.y, n.x)}));
}

Tensors random_like(const Tensors& list, std::uint64_t seed) {
  Tensors result;
  for (Tensor t : list) {
    const Array numbers(t.shape(), DType::f64);
    fill_normal(Rng(seed, result.size()), 0, 1, numbers);
    result.push_back(t.tape().constant(numbers));
  }
  return result;
}

void compare(const char* title, Tensor left, Tensor right) {
  const double a = evaluate(left).item(), b = evaluate(right).item();
  const bool equal = std::abs(a - b) <= 1e-12 * std::abs(a);
  fmt::print("{:25}{:8.3f}  {:8.3f}  {}\n", title, a, b, equal ? "equal" : "different");
}

struct Double final : LinearOp {
  std::string_view name() const override { return "double"; }
  Spec infer(Specs x) const override { return x[0]; }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    for (Index i = 0; i < y.elements(); ++i) y.set(i, 2 * x[0].at(i));
  }
  Tensor apply(std::span<const Tensor>, Tensor t) const override { return 2 * t; }
  Tensor adjoint(std::span<const Tensor>, Tensor u) const override { return u; }  // wrong: 2 * u
};

void test_the_identity() {
  Network n;
  const Tensors u = random_like(n.y, 2), v = random_like(n.w, 3), other = random_like(n.w, 4);
  compare("<u, J v> and <J' u, v>", dot(u, push(n.y, n.w, v)), dot(grad(n.y, n.w, u[0]), v));
  const Tensor y = record<Double>({n.y});
  compare("with a wrong adjoint", dot(u, push(y, n.w, v)), dot(grad(y, n.w, u[0]), v));
  const Tensors g = grad(mean(square(n.y - 1)), n.w);
  compare("<u, H v> and <H u, v>", dot(other, push(g, n.w, v)), dot(push(g, n.w, other), v));
  compare("H v by push and by grad", dot(other, push(g, n.w, v)), dot(other, grad(g, n.w, v)));
}

int main() {
  show_both_sweeps();
  count_sweeps();
  test_the_identity();
}
