// The grader of lab 4. It prints a line for each law: ok, or broken with the node, the number that
// the law expects, and the number that the reader's sweep gives.
#include <fmt/core.h>
#include <malloc.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "autodiff/derive/grad.h"
#include "autodiff/kernels/random.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/exponential.h"
#include "autodiff/ops/loss.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/shape_ops.h"
#include "autodiff/ops/tensors.h"
#include "autodiff/ops/trigonometric.h"
#include "autodiff/plan/plan.h"
#include "docs/book/labs/lab4.h"
#include "docs/book/labs/laws.h"

namespace lab {

using namespace twice;

namespace {

/// A function on its own tape: outputs ys of the variables w.
struct Case {
  Tape tape;
  Tensors w, ys;
};

Array normal(const Shape& shape, std::uint64_t seed) {
  const Array numbers(shape, DType::f64);
  fill_normal(Rng(seed), 0, 1, numbers);
  return numbers;
}

/// Random numbers of the shapes of `like`; all different for different seeds.
Tensors random_like(const Tensors& like, std::uint64_t seed) {
  Tensors result;
  for (Tensor t : like)
    result.push_back(t.tape().constant(normal(t.shape(), 100 * seed + result.size())));
  return result;
}

Tensor variable(Case& c, const Shape& shape) {
  c.w.push_back(
      c.tape.parameter(normal(shape, c.w.size() + 1), fmt::format("variable {}", c.w.size())));
  return c.w.back();
}

/// y = x, without derivative rules: a sweep that calls one gets an exception.
struct NoRule final : Op {
  std::string_view name() const override { return "no_rule"; }
  int input_count() const override { return 1; }
  Spec infer(Specs x) const override { return x[0]; }
  void run(const Inputs& x, const Array& y, std::byte*) const override { copy(x[0], y); }
};

/// y = a, with two inputs. `vjp` and `jvp` have no rule for the second input, b.
struct NoRuleForB final : Op {
  std::string_view name() const override { return "no_rule_for_b"; }
  int input_count() const override { return 2; }
  Spec infer(Specs x) const override { return x[0]; }
  void run(const Inputs& x, const Array& y, std::byte*) const override { copy(x[0], y); }
  Tensor vjp(int slot, std::span<const Tensor> x, Tensor y, Tensor u) const override {
    return slot == 0 ? u : Op::vjp(slot, x, y, u);
  }
  Tensor jvp(int slot, std::span<const Tensor> x, Tensor y, Tensor t) const override {
    return slot == 0 ? t : Op::jvp(slot, x, y, t);
  }
};

/// y = a b. Its vjp records so many nodes that all nodes of the tape move in memory.
struct ManyNodes final : Op {
  std::string_view name() const override { return "many_nodes"; }
  int input_count() const override { return 2; }
  Spec infer(Specs x) const override { return x[0]; }
  void run(const Inputs& x, const Array& y, std::byte*) const override {
    for (Index i = 0; i < y.elements(); ++i) y.set(i, x[0].at(i) * x[1].at(i));
  }
  Tensor vjp(int slot, std::span<const Tensor> x, Tensor y, Tensor u) const override {
    for (int count = 2 * y.tape().size(); count > 0; --count) -u;
    return u * x[slot == 0 ? 1 : 0];
  }
  Tensor jvp(int slot, std::span<const Tensor> x, Tensor, Tensor t) const override {
    return t * x[slot == 0 ? 1 : 0];
  }
};

// ---- The graphs ----

void chain(Case& c) {
  const Tensor x = variable(c, {3});
  c.ys = {exp(tanh(sin(x)))};
}

void used_twice(Case& c) {
  const Tensor x = variable(c, {3});
  const Tensor p = exp(x);
  c.ys = {sin(p) + p * x};
}

void used_twice_scalar(Case& c) {
  used_twice(c);
  c.ys = {sum(c.ys[0])};
}

void used_in_both_slots(Case& c) {
  const Tensor x = variable(c, {3});
  const Tensor p = tanh(x);
  c.ys = {p * p};
}

void broadcasting(Case& c) {
  const Tensor a = variable(c, {4, 3}), b = variable(c, {3});
  c.ys = {mean(square(a * b + b))};
}

void several_outputs(Case& c) {
  const Tensor x = variable(c, {3});
  const Tensor p = sin(x), q = exp(p);
  c.ys = {q, sum(p * q), p};
}

void same_output_twice(Case& c) {
  const Tensor p = exp(variable(c, {3}));
  c.ys = {p, sin(p), p};
}

void data(Case& c) {
  const Tensor x = c.tape.constant(normal({4, 3}, 50)), w = variable(c, {3});
  c.ys = {sin(record<NoRule>({x}) * w)};
}

void variable_of_another(Case& c) {
  const Tensor a = variable(c, {3}), p = exp(a);
  c.w.push_back(p);
  c.ys = {sin(p) * a};
}

/// The vjp of stop_gradient is empty.
void empty_result(Case& c) {
  const Tensor x = variable(c, {3});
  c.ys = {x * stop_gradient(x)};
}

void data_in_one_slot(Case& c) {
  const Tensor x = c.tape.constant(normal({3}, 70)), w = variable(c, {3});
  c.ys = {sin(record<NoRuleForB>({exp(w), x}))};
}

/// Enough nodes before the op that no list of the tape is small.
void moving_nodes(Case& c) {
  const Tensor a = variable(c, {3}), b = variable(c, {3});
  for (int i = 0; i < 600; ++i) a + b;
  c.ys = {record<ManyNodes>({exp(a), sin(b)})};
}

void unused_variable(Case& c) {
  const Tensor a = variable(c, {3}), b = variable(c, {2, 2});
  c.ys = {sin(a)};
  exp(b);  // no output needs it
  variable(c, {5});
}

/// The sum of 2^12 paths from the variable to the output, in 12 nodes.
void many_paths(Case& c) {
  Tensor x = variable(c, {2});
  for (int i = 0; i < 12; ++i) x = x + x;
  c.ys = {x};
}

void network(Case& c) {
  const Tensor x = c.tape.constant(normal({4, 3}, 60));
  const Tensor labels =
      c.tape.constant(Array::from<std::int32_t>(std::vector<std::int32_t>{0, 1, 1, 0}, {4}));
  const Tensor W1 = variable(c, {3, 5}), b1 = variable(c, {5}), W2 = variable(c, {5, 2});
  c.ys = {cross_entropy(matmul(tanh(matmul(x, W1) + b1), W2), labels)};
}

// ---- The laws ----

/// The reader's sweep, with its result checked: one tensor for each variable, of its shape.
Tensors sweep(const Tensors& ys, const Tensors& u, const Tensors& wrt) {
  const Tensors result = backward_sweep(ys, u, wrt);
  if (result.size() != wrt.size())
    throw Broken{
        fmt::format("expected {}, found {}", counted(wrt.size(), "cotangent"), result.size())};
  for (std::size_t i = 0; i < wrt.size(); ++i) {
    const std::string found = result[i] ? str(result[i].spec()) : "an empty tensor";
    if (found != str(wrt[i].spec()))
      throw Broken{fmt::format("at node {}: expected a cotangent of {}, found {}", wrt[i].index(),
                               str(wrt[i].spec()), found)};
  }
  return result;
}

/// `node 1 (exp), which is read by node 2 (sin) and node 3 (mul)`
std::string described(const Tape& tape, int index, int nodes) {
  std::string readers;
  for (int i = index + 1; i < nodes; ++i)
    if (std::ranges::count(tape.inputs_of(tape.node(i)), index) > 0)
      readers +=
          fmt::format("{}node {} ({})", readers.empty() ? "" : " and ", i, tape.name(tape.node(i)));
  return fmt::format("node {} ({}){}", index, tape.name(tape.node(index)),
                     readers.empty() ? "" : ", which is read by " + readers);
}

void expect_equal(const std::string& place, const char* law, Tensor expected, Tensor found) {
  const double a = evaluate(expected).item(), b = evaluate(found).item();
  if (!(std::abs(a - b) <= 1e-9 * (1 + std::abs(a))))
    throw Broken{fmt::format("at {}: {}: {}", place, law, expected_found(a, b))};
}

/// <u, J v> = <J' u, v>, with J = dy/dwrt. The engine's forward sweep gives the left side.
void expect_adjoint(const Case& c, const std::string& place, const Tensors& u, const Tensors& wrt) {
  const Tensors v = random_like(wrt, 2);
  expect_equal(place, "<u, J v> = <J' u, v>", dot(u, push(c.ys, wrt, v)),
               dot(sweep(c.ys, u, wrt), v));
}

void adjoint_identity_of_all(Case& c) {
  expect_adjoint(c, "all variables together", random_like(c.ys, 1), c.w);
}

/// Checks the identity with respect to each node, from the last node to the first, and then with
/// respect to all variables together.
void adjoint_identity(Case& c) {
  const int nodes = c.tape.size();
  const Tensors u = random_like(c.ys, 1);
  for (int i = nodes; i-- > 0;) {
    const Tensor node = c.tape.handle(i);
    // Data is no variable, and NoRule has no derivative.
    if (is_float(node.dtype()) && c.tape.node(i).kind != NodeKind::constant &&
        c.tape.name(c.tape.node(i)) != "no_rule")
      expect_adjoint(c, described(c.tape, i, nodes), u, {node});
  }
  expect_adjoint(c, "all variables together", u, c.w);
}

void visits_each_node_once(Case& c) {
  const Tensors u = random_like(c.ys, 1), v = random_like(c.w, 2);
  const int before = c.tape.size();
  const Tensors found = sweep(c.ys, u, c.w);
  const int recorded = c.tape.size() - before, most = 8 * before;
  if (recorded > most)
    throw Broken{fmt::format("expected at most {} new nodes for a tape of {}, found {}", most,
                             before, recorded)};
  expect_equal("the variable", "<u, J v> = <J' u, v>", dot(u, push(c.ys, c.w, v)), dot(found, v));
}

/// H v by two of the reader's sweeps against the engine's forward sweep over its own gradient.
void second_derivative(Case& c) {
  const Tensors one = {full_like(c.ys[0], 1)}, v = random_like(c.w, 3);
  const Tensors expected = push(grad(c.ys[0], c.w), c.w, v);
  const Tensors found = sweep(sweep(c.ys, one, c.w), v, c.w);
  const Tensors weights = random_like(c.w, 4);
  for (std::size_t i = 0; i < found.size(); ++i)
    expect_equal(described(c.tape, c.w[i].index(), 0), "<a, H v> for a random a",
                 dot(weights[i], expected[i]), dot(weights[i], found[i]));
}

void symmetric_hessian(Case& c) {
  const Tensors one = {full_like(c.ys[0], 1)};
  const Tensors a = random_like(c.w, 5), b = random_like(c.w, 6);
  const Tensors g = sweep(c.ys, one, c.w);
  const Tensor ab = dot(a, sweep(g, b, c.w)), ba = dot(b, sweep(g, a, c.w));
  const double left = evaluate(ab).item(), right = evaluate(ba).item();
  if (!(std::abs(left - right) <= 1e-9 * (1 + std::abs(left)))) {
    const auto [first, second] = digits(left, right);
    throw Broken{
        fmt::format("all variables together: <a, H b> is {}, <b, H a> is {}", first, second)};
  }
}

Law law(const char* title, void (*build)(Case&), void (*check)(Case&)) {
  return {title, [=] {
            Case c;
            build(c);
            check(c);
          }};
}

}  // namespace

}  // namespace lab

int main() {
  using namespace lab;
  // Freed memory is overwritten, so an old reference to a node reads other bytes.
  mallopt(M_PERTURB, 0x5a);
  return grade({
      law("adjoint identity, a chain", chain, adjoint_identity),
      law("adjoint identity, a value used twice", used_twice, adjoint_identity),
      law("adjoint identity, both inputs of one op", used_in_both_slots, adjoint_identity),
      law("adjoint identity, broadcasting", broadcasting, adjoint_identity),
      law("adjoint identity, several outputs", several_outputs, adjoint_identity),
      law("adjoint identity, an output listed twice", same_output_twice, adjoint_identity),
      law("adjoint identity, an unused variable", unused_variable, adjoint_identity),
      law("adjoint identity, a variable computed from another", variable_of_another,
          adjoint_identity),
      law("adjoint identity, an empty result of vjp", empty_result, adjoint_identity),
      law("adjoint identity, data without a rule", data, adjoint_identity),
      law("adjoint identity, data in one slot", data_in_one_slot, adjoint_identity_of_all),
      law("adjoint identity, a vjp that records many nodes", moving_nodes, adjoint_identity_of_all),
      law("adjoint identity, a network", network, adjoint_identity),
      law("each node is visited once", many_paths, visits_each_node_once),
      law("H v by two sweeps, a value used twice", used_twice_scalar, second_derivative),
      law("H v by two sweeps, a network", network, second_derivative),
      law("the Hessian is symmetric, a network", network, symmetric_hessian),
  });
}
