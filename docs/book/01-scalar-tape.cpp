// Chapter 1 of the book: a scalar tape in 80 lines, without the library.
#include <cmath>
#include <cstdio>
#include <vector>

enum class Op { input, constant, add, mul, sin, cos, exp };
const char* const op_names[] = {"input", "constant", "add", "mul", "sin", "cos", "exp"};

struct Node {
  Op op;
  int a, b;  // the inputs: positions of earlier nodes, or -1
  double value;
};

using Tape = std::vector<Node>;

struct Scalar {
  Tape* tape = nullptr;
  int index = -1;
  const Node& node() const { return (*tape)[index]; }
  double value() const { return node().value; }
};

Scalar record(Tape& tape, Op op, double value, int a = -1, int b = -1) {
  tape.push_back({op, a, b, value});
  return {&tape, static_cast<int>(tape.size()) - 1};
}

Scalar input(Tape& tape, double value) { return record(tape, Op::input, value); }
Scalar constant(Tape& tape, double value) { return record(tape, Op::constant, value); }

Scalar operator+(Scalar a, Scalar b) {
  return record(*a.tape, Op::add, a.value() + b.value(), a.index, b.index);
}
Scalar operator*(Scalar a, Scalar b) {
  return record(*a.tape, Op::mul, a.value() * b.value(), a.index, b.index);
}
Scalar sin(Scalar x) { return record(*x.tape, Op::sin, std::sin(x.value()), x.index); }
Scalar cos(Scalar x) { return record(*x.tape, Op::cos, std::cos(x.value()), x.index); }
Scalar exp(Scalar x) { return record(*x.tape, Op::exp, std::exp(x.value()), x.index); }

Scalar vjp(Scalar y, int slot, Scalar cotangent) {
  Tape& tape = *y.tape;
  const Node node = y.node();  // a copy: recording may move the nodes in memory
  const Scalar a{&tape, node.a}, b{&tape, node.b};
  if (node.op == Op::add) return cotangent;
  if (node.op == Op::mul) return cotangent * (slot == 0 ? b : a);
  if (node.op == Op::sin) return cotangent * cos(a);
  if (node.op == Op::cos) return cotangent * (constant(tape, -1) * sin(a));
  return cotangent * y;  // exp
}

std::vector<Scalar> grad(Scalar y, const std::vector<Scalar>& wrt) {
  Tape& tape = *y.tape;
  std::vector<Scalar> cotangent(y.index + 1);
  cotangent[y.index] = constant(tape, 1);
  for (int i = y.index; i >= 0; --i) {
    if (!cotangent[i].tape) continue;  // y does not depend on node i
    const int inputs[] = {tape[i].a, tape[i].b};
    for (int slot = 0; slot < 2; ++slot) {
      if (inputs[slot] < 0) continue;
      Scalar& sum = cotangent[inputs[slot]];
      const Scalar part = vjp({&tape, i}, slot, cotangent[i]);
      sum = sum.tape ? sum + part : part;
    }
  }
  std::vector<Scalar> result;
  for (const Scalar x : wrt) {
    const bool found = x.index <= y.index && cotangent[x.index].tape;
    result.push_back(found ? cotangent[x.index] : constant(tape, 0));
  }
  return result;
}

void print(const Tape& tape) {
  for (std::size_t i = 0; i < tape.size(); ++i) {
    const Node& node = tape[i];
    std::printf("%%%zu = %s", i, op_names[static_cast<int>(node.op)]);
    if (node.a >= 0) std::printf(node.b >= 0 ? "(%%%d, %%%d)" : "(%%%d)", node.a, node.b);
    std::printf(": %.4f\n", node.value);
  }
}

Scalar f(Scalar x, Scalar y) { return x * x * sin(y) + exp(x * y); }

struct Point {
  double f, g_x, g_y;  // the value and the gradient of f
};

Point point(double x, double y) {
  Tape tape;
  const Scalar p = input(tape, x), q = input(tape, y), z = f(p, q);
  const std::vector<Scalar> g = grad(z, {p, q});
  return {z.value(), g[0].value(), g[1].value()};
}

int main() {
  Tape tape;
  const Scalar x = input(tape, 0.5), y = sin(x * x);
  Scalar derivative = grad(y, {x})[0];
  print(tape);

  for (int order = 1; order <= 3; ++order) {
    std::printf("order %d: %7.4f, %zu nodes\n", order, derivative.value(), tape.size());
    derivative = grad(derivative, {x})[0];
  }

  Tape plane;
  const Scalar p = input(plane, 0.5), q = input(plane, 1);
  const std::vector<Scalar> g = grad(f(p, q), {p, q});
  const Scalar g_v = g[0] * constant(plane, 1) + g[1] * constant(plane, -2);
  const std::vector<Scalar> Hv = grad(g_v, {p, q});

  const double eps = 1e-5;
  const Point plus = point(0.5 + eps, 1 - 2 * eps), minus = point(0.5 - eps, 1 + 2 * eps);
  std::printf("g      = (%.4f, %.4f)\n", g[0].value(), g[1].value());
  std::printf("<g, v> = %.4f, by differences %.4f\n", g_v.value(), (plus.f - minus.f) / (2 * eps));
  std::printf("H v    = (%.4f, %.4f), by differences (%.4f, %.4f)\n", Hv[0].value(), Hv[1].value(),
              (plus.g_x - minus.g_x) / (2 * eps), (plus.g_y - minus.g_y) / (2 * eps));
}
