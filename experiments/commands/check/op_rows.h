// Functions and classes for writing the rows of the op table.
#pragma once

#include <cmath>

#include "experiments/commands/check/op_table.h"

namespace twice::experiments::rows {

using exact::choose, exact::pi;
using X = const Tensors&;
using T = Tensor;
using N = const Number&;
using Numbers = const std::vector<double>&;
using Shapes = std::vector<Shape>;

/// A Shape inside a row. With `{2, 3}`, clang-format would break the row.
template <class... Sizes>
Shape dims(Sizes... sizes) {
  return {static_cast<Index>(sizes)...};
}

// True if an op in a random graph accepts these shapes.
bool any(const Shapes& x);
bool has_axis(const Shapes& x);
bool is_matrix(const Shapes& x);
bool is_image(const Shapes& x);
bool same(const Shapes& x);
bool broadcast(const Shapes& x);

// Expressions that are 0 at the kinks of a function of x_0, or of a comparison of two inputs.
Tensor itself(X x);
Tensor difference(X x);

Tensor cubed(Tensor x);

/// A row under construction. Each method adds to the row or changes its last case.
struct Row : OpRow {
  using Inputs = std::vector<RandomArray>;

  Row& defined(Definition d) { return set(definition, d); }
  /// For a function that records several ops: the op under test, and the ops unless it is the only
  /// one.
  Row& built(std::string tested, std::string from = {}) {
    built_from = from.empty() ? tested : from;
    return set(op, tested);
  }
  Row& any_dtype() { return set(moves, true); }
  /// Adds a case of the row's function or of another function. The errors of a case with `units`
  /// are measured.
  Row& check(std::string label = {}, std::optional<Units> units = {}) {
    return check(label, inputs, call, units);
  }
  Row& check(std::string label, Inputs on, Function f, std::optional<Units> units = {}) {
    cases.push_back({op, label, on, f, units});
    return *this;
  }
  /// Adds a case of outer(f), for a function f without a second derivative of its own.
  Row& check(Tensor (*outer)(Tensor), std::string label = {}) {
    return check(label, inputs, [f = call, outer](X x) { return outer(f(x)); });
  }
  Row& on(Inputs other) { return set(cases.back().inputs, other); }
  /// Sets the last case of a piecewise function. Errors are measured only where squares are finite
  /// in f32, since a mask times infinity is NaN.
  Row& piece(Inputs other, Function f) {
    cases.back().function = std::move(f);
    return on(other).unmeasured([](int, double x) { return !(std::abs(x) < 1e18); });
  }
  Row& exact(Definition whole) { return set(cases.back().exact, whole); }
  Row& unmeasured(bool (*where)(int order, double x)) {
    return set(cases.back().unmeasured, where);
  }
  Row& kink(std::string label, Inputs on, Function f) {
    kinks.push_back({op, label, on, f});
    return *this;
  }
  /// Adds an op for random graphs. It replaces an earlier one of the same name.
  template <class F>
  Row& graph(std::string name, bool (*accepts)(const Shapes&), F f,
             Tensor (*far_from)(X) = nullptr) {
    constexpr bool one = std::is_invocable_v<F, Tensor>;
    const auto apply = [f](X x) {
      if constexpr (one)
        return f(x[0]);
      else
        return f(x[0], x[1]);
    };
    std::erase_if(graphs, [&](const GraphOp& known) { return known.name == name; });
    graphs.push_back({std::move(name), one ? 1u : 2u, accepts, apply, far_from});
    return *this;
  }
  template <class F>
  Row& graph(F f, Tensor (*far_from)(X) = nullptr) {
    return graph(op, std::is_invocable_v<F, Tensor> ? any : broadcast, f, far_from);
  }

 private:
  template <class Member, class Value>
  Row& set(Member& member, Value value) {
    member = std::move(value);
    return *this;
  }
};

/// The row of an elementwise op, with a case at normal numbers and the op itself for random graphs.
Row unary(std::string op, std::string equation, std::string derivative, Tensor (*f)(Tensor),
          Units units, Definition definition);
Row binary(std::string op, std::string signature, std::string equation, std::string derivative,
           Tensor (*f)(Tensor, Tensor), Units units, Definition definition);
/// The row of any other function, without cases.
Row function(std::string signature, std::string equation, std::string derivative,
             std::vector<RandomArray> inputs, std::function<Tensor(X)> call);
/// The row of an op without a public function.
Row derivative_op(std::string op, Definition definition = {});

// The rows of each section.
std::vector<OpRow> arithmetic();
std::vector<OpRow> powers();
std::vector<OpRow> activations();
std::vector<OpRow> pieces();
std::vector<OpRow> moving();
std::vector<OpRow> picking();
std::vector<OpRow> reductions();
std::vector<OpRow> products();
std::vector<OpRow> pooling();
std::vector<OpRow> normalizing();

}  // namespace twice::experiments::rows
