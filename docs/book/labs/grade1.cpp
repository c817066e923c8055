// The grader of lab 1. It prints a line for each law: ok, or broken with the node, the derivative
// that the law expects, and the derivative that the reader's `grad` gives.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <string>

#include "docs/book/labs/lab1.h"
#include "docs/book/labs/laws.h"

namespace lab {

namespace {

/// The Taylor coefficients c_k of a function of x: its derivative of order k is k! c_k. Arithmetic
/// on coefficients gives exact derivatives without a tape.
struct Taylor {
  std::array<double, 4> c{};
};

Taylor number(Taylor, double value) { return {{value}}; }
Scalar number(Scalar x, double value) { return constant(*x.tape, value); }

Taylor operator+(Taylor a, Taylor b) {
  for (std::size_t k = 0; k < 4; ++k) a.c[k] += b.c[k];
  return a;
}

Taylor operator*(Taylor a, Taylor b) {
  Taylor y;
  for (std::size_t k = 0; k < 4; ++k)
    for (std::size_t j = 0; j <= k; ++j) y.c[k] += a.c[j] * b.c[k - j];
  return y;
}

/// Coefficient k > 0 of the y with dy = slope dx: k y_k = sum_j j x_j slope_{k-j}.
void integrate(Taylor& y, const Taylor& x, const Taylor& slope, std::size_t k) {
  y.c[k] = 0;
  for (std::size_t j = 1; j <= k; ++j)
    y.c[k] += static_cast<double>(j) / static_cast<double>(k) * x.c[j] * slope.c[k - j];
}

Taylor exp(Taylor x) {
  Taylor y{{std::exp(x.c[0])}};
  for (std::size_t k = 1; k < 4; ++k) integrate(y, x, y, k);
  return y;
}

struct SinCos {
  Taylor sin, cos;
};

SinCos sin_cos(Taylor x) {
  const Taylor minus_x = x * number(x, -1);
  SinCos y{{{std::sin(x.c[0])}}, {{std::cos(x.c[0])}}};
  for (std::size_t k = 1; k < 4; ++k) {
    integrate(y.sin, x, y.cos, k);
    integrate(y.cos, minus_x, y.sin, k);
  }
  return y;
}

Taylor sin(Taylor x) { return sin_cos(x).sin; }
Taylor cos(Taylor x) { return sin_cos(x).cos; }

bool close(double a, double b) { return std::abs(a - b) <= 1e-9 * std::max(1.0, std::abs(b)); }

std::string described(const Tape& tape, int index) {
  constexpr const char* names[] = {"input", "constant", "add", "mul", "sin", "cos", "exp"};
  const Node& node = tape.at(static_cast<std::size_t>(index));
  std::string inputs;
  if (node.a >= 0) inputs = fmt::format("(%{}", node.a);
  if (node.b >= 0) inputs += fmt::format(", %{}", node.b);
  return fmt::format("%{} = {}{}", index, names[static_cast<int>(node.op)],
                     inputs.empty() ? "" : inputs + ")");
}

/// The derivative of node y with respect to node x, from a forward sweep over numbers.
double derivative(const Tape& tape, int y, int x) {
  std::vector<double> tangent(tape.size(), 0.0);
  const auto value = [&](int i) { return tape[static_cast<std::size_t>(i)].value; };
  const auto moved = [&](int i) { return tangent[static_cast<std::size_t>(i)]; };
  for (int i = 0; i <= y; ++i) {
    const Node& node = tape[static_cast<std::size_t>(i)];
    double t = i == x ? 1 : 0;
    if (i != x && node.op == Op::add) t = moved(node.a) + moved(node.b);
    if (i != x && node.op == Op::mul)
      t = moved(node.a) * value(node.b) + value(node.a) * moved(node.b);
    if (i != x && node.op == Op::sin) t = moved(node.a) * std::cos(value(node.a));
    if (i != x && node.op == Op::cos) t = -moved(node.a) * std::sin(value(node.a));
    if (i != x && node.op == Op::exp) t = moved(node.a) * value(i);
    tangent[static_cast<std::size_t>(i)] = t;
  }
  return tangent[static_cast<std::size_t>(y)];
}

/// The reader's derivatives of y, checked for form: one for each variable, on the tape of y.
std::vector<Scalar> checked_grad(Scalar y, const std::vector<Scalar>& wrt) {
  const std::vector<Scalar> result = grad(y, wrt);
  if (result.size() != wrt.size())
    throw Broken{
        fmt::format("expected {}, found {}", counted(wrt.size(), "derivative"), result.size())};
  for (const Scalar& x : result)
    if (x.tape != y.tape || x.index < 0 || x.index >= static_cast<int>(y.tape->size()))
      throw Broken{"expected a node of the same tape, found an empty or a foreign Scalar"};
  return result;
}

/// Throws, naming the first node from y down whose cotangent differs from that of a forward sweep.
void find_wrong_cotangent(const Tape& tape, int y) {
  for (int i = y; i >= 0; --i) {
    Tape copy = tape;  // each node starts from the same tape
    const double expected = derivative(copy, y, i);
    const double found = checked_grad({&copy, y}, {{&copy, i}})[0].value();
    if (close(found, expected)) continue;
    std::string readers;
    for (int r = i + 1; r <= y; ++r) {
      const Node& node = tape[static_cast<std::size_t>(r)];
      if (node.a != i && node.b != i) continue;
      readers += (readers.empty() ? ", read by " : ", ") + described(tape, r);
    }
    throw Broken{fmt::format("at node {}{}: cotangent: {}", described(tape, i), readers,
                             expected_found(expected, found))};
  }
}

/// The reader's derivatives of y, after a check against forward sweeps.
std::vector<Scalar> right_grad(Scalar y, const std::vector<Scalar>& wrt) {
  const Tape before = *y.tape;
  const std::vector<Scalar> found = checked_grad(y, wrt);
  for (std::size_t i = 0; i < wrt.size(); ++i) {
    const int x = wrt[i].index;
    const double expected = x > y.index ? 0 : derivative(before, y.index, x);
    if (close(found[i].value(), expected)) continue;
    find_wrong_cotangent(before, y.index);
    throw Broken{fmt::format("at node {}: cotangent: {}", described(before, x),
                             expected_found(expected, found[i].value()))};
  }
  return found;
}

/// Throws if the nodes of a derivative y, whose value is right, do not compute it from x.
void expect_recorded(Scalar y, Scalar x, double expected) {
  const double recorded = derivative(*y.tape, y.index, x.index);
  if (!close(recorded, expected))
    throw Broken{
        fmt::format("at node {}: this derivative has the right value, but its nodes do not "
                    "compute it from x: its derivative by x: {}",
                    described(*y.tape, y.index), expected_found(expected, recorded))};
}

constexpr double here = 0.7;

/// The first three derivatives of f at `here`.
void derivatives(const std::function<Scalar(Scalar)>& f, const Taylor& expected) {
  Tape tape;
  const Scalar x = input(tape, here);
  Scalar y = f(x);
  double factorial = 1;
  for (int order = 1; order <= 3; ++order) {
    factorial *= order;
    try {
      expect_recorded(y, x, expected.c[static_cast<std::size_t>(order)] * factorial);
      y = right_grad(y, {x})[0];
    } catch (const Broken& broken) {
      throw Broken{fmt::format("order {}: {}", order, broken.text)};
    }
  }
}

template <class F>
Law law(const char* text, F f) {
  return {fmt::format("y = {}", text), [f] { derivatives(f, f(Taylor{{here, 1}})); }};
}

/// f = x x sin y + exp(x y).
struct Plane {
  double at_x = here, at_y = 1.2;
  Tape tape;
  Scalar x = input(tape, at_x), y = input(tape, at_y), unused = input(tape, 3);
  Scalar f = x * x * sin(y) + exp(x * y);
};

void gradient() {
  Plane p;
  right_grad(p.f, {p.y, p.unused, p.x});
}

void hessian_vector_product() {
  Plane p;
  const double x = p.at_x, y = p.at_y, e = std::exp(x * y);
  const double xx = 2 * std::sin(y) + y * y * e, yy = x * x * e - x * x * std::sin(y);
  const double xy = 2 * x * std::cos(y) + (1 + x * y) * e;
  const std::vector<Scalar> g = right_grad(p.f, {p.x, p.y});
  const Scalar g_v = g[0] + constant(p.tape, -2) * g[1];
  expect_recorded(g_v, p.x, xx - 2 * xy);
  expect_recorded(g_v, p.y, xy - 2 * yy);
  right_grad(g_v, {p.x, p.y});
}

/// y = x + x, then y + y, and so on: 2^30 paths from y to x, but only 31 nodes.
void many_paths() {
  Tape tape;
  const Scalar x = input(tape, here);
  Scalar y = x;
  for (int i = 0; i < 30; ++i) y = y + y;
  right_grad(y, {x});
}

/// The derivative with respect to a node that was computed, and with respect to y itself.
void other_variables() {
  Tape tape;
  const Scalar x = input(tape, here), u = x * x, y = sin(u);
  right_grad(y, {u, y});
}

/// Allocates memory, fills it, and frees it again.
void fill_free_memory() {
  std::vector<char> memory(100'000);
  volatile char* const filled = memory.data();  // volatile: the compiler keeps the writes
  for (std::size_t i = 0; i < memory.size(); ++i) filled[i] = 'x';
}

/// The derivatives with respect to many variables recorded after y. An answer that reads the
/// cotangent of such a variable reads past the end of a vector, where free memory holds no zeros.
void later_variables() {
  fill_free_memory();
  Tape tape;
  const Scalar x = input(tape, here), y = sin(x * x);
  std::vector<Scalar> wrt = {x};
  for (int i = 0; i < 2000; ++i) wrt.push_back(input(tape, 2));
  const std::vector<Scalar> found = checked_grad(y, wrt);
  for (std::size_t i = 1; i < wrt.size(); ++i)
    if (found[i].value() != 0)
      throw Broken{fmt::format("at node {}: derivative: {}", described(tape, wrt[i].index),
                               expected_found(0, found[i].value()))};
}

}  // namespace

}  // namespace lab

int main() {
  using namespace lab;
  return grade({
      law("x", [](auto x) { return x; }),
      law("x + x", [](auto x) { return x + x; }),
      law("x x", [](auto x) { return x * x; }),
      law("sin x", [](auto x) { return sin(x); }),
      law("cos x", [](auto x) { return cos(x); }),
      law("exp x", [](auto x) { return exp(x); }),
      law("sin 2, which does not depend on x", [](auto x) { return sin(number(x, 2)); }),
      law("2 x + sin 2", [](auto x) { return number(x, 2) * x + sin(number(x, 2)); }),
      law("x x x", [](auto x) { return x * x * x; }),
      law("sin(x x)", [](auto x) { return sin(x * x); }),
      law("u + u u with u = exp x",
          [](auto x) {
            const auto u = exp(x);
            return u + u * u;
          }),
      law("x exp(sin x) + cos(x x)", [](auto x) { return x * exp(sin(x)) + cos(x * x); }),
      {"the gradient of x x sin y + exp(x y)", gradient},
      {"H v of x x sin y + exp(x y)", hessian_vector_product},
      {"other variables than inputs", other_variables},
      {"a variable that was recorded after y has the derivative 0", later_variables},
      {"each node is visited once", many_paths},
  });
}
