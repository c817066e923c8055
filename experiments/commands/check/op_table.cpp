// Implements the random inputs and the parts of rows, and joins the sections of the table.
#include "experiments/commands/check/op_table.h"

#include <cmath>

#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/power.h"
#include "experiments/commands/check/op_rows.h"

namespace twice::experiments {

namespace {

/// An array of f64 or i32 whose element i is `number(rng, i)`.
template <class F>
RandomArray each(const Shape& shape, DType dtype, F number) {
  return [=](const Rng& rng) {
    const Array result(shape, dtype);
    for (Index i = 0; i < result.elements(); ++i)
      result.set(i, number(rng, static_cast<std::uint64_t>(i)));
    return result;
  };
}

/// Joins one member list of all rows.
template <class Part>
std::vector<Part> joined(std::vector<Part> OpRow::*parts) {
  std::vector<Part> all;
  for (const OpSection& section : op_sections())
    for (const OpRow& row : section.rows)
      all.insert(all.end(), (row.*parts).begin(), (row.*parts).end());
  return all;
}

}  // namespace

RandomArray normal(const Shape& shape) {
  return each(shape, DType::f64, [](const Rng& rng, std::uint64_t i) { return rng.normal(i); });
}

RandomArray uniform(const Shape& shape, double low, double high) {
  return each(shape, DType::f64,
              [=](const Rng& rng, std::uint64_t i) { return low + (high - low) * rng.uniform(i); });
}

RandomArray signed_uniform(const Shape& shape, double low, double high) {
  return each(shape, DType::f64, [=](const Rng& rng, std::uint64_t i) {
    const double size = low + (high - low) * rng.uniform(2 * i);
    return rng.uniform(2 * i + 1) < 0.5 ? -size : size;
  });
}

RandomArray distinct(const Shape& shape) {
  return [=](const Rng& rng) {
    const Array result(shape, DType::f64);
    const Index count = result.elements();
    const std::vector<std::int32_t> order = permutation(rng.keyed(1, 0), count);
    for (Index i = 0; i < count; ++i) {
      // A grid with spacing 0.3 around 0, each number moved by at most 0.05.
      const double place = order[static_cast<std::size_t>(i)] - (count / 2 - 0.5);
      result.set(i, 0.3 * place + 0.1 * (rng.uniform(static_cast<std::uint64_t>(i)) - 0.5));
    }
    return result;
  };
}

RandomArray repeated(const Shape& shape) {
  return each(shape, DType::f64,
              [](const Rng& rng, std::uint64_t i) { return std::floor(3 * rng.uniform(i)) - 1; });
}

RandomArray indices(const Shape& shape, Index count) {
  return each(shape, DType::i32, [=](const Rng& rng, std::uint64_t i) {
    return static_cast<double>(static_cast<Index>(rng.uniform(i) * static_cast<double>(count)));
  });
}

std::vector<Array> OpCase::draw(std::uint64_t seed) const {
  std::vector<Array> arrays;
  for (const RandomArray& input : inputs) arrays.push_back(input(Rng(seed, 0, arrays.size() + 1)));
  return arrays;
}

std::string OpRow::function() const {
  const std::size_t end = signature.find('(');
  return end == std::string::npos ? op : signature.substr(0, end);
}

const std::vector<OpSection>& op_sections() {
  static const std::vector<OpSection> sections = {
      {"Arithmetic", "", rows::arithmetic()},
      {"Powers, exponentials, trigonometry", "", rows::powers()},
      {"Activations", "s is the logistic function, s(x) = 1/(1 + e^-x).", rows::activations()},
      {"Pieces and masks",
       "Where a piecewise op does not depend on an input, its derivative by that input is 0, even "
       "after a\nmultiplication by an infinity or NaN: d/dx sqrt(relu(x)) is 0 at x = -1. The "
       "rules select (`masked`) and do\nnot multiply by a mask. A product in the user's program "
       "remains a product.",
       rows::pieces()},
      {"Moving numbers", "", rows::moving()},
      {"Indices", "Indices and labels are i32 and have no derivative.", rows::picking()},
      {"Reductions",
       "A reduction runs over the given axes, or over all axes if none are given. An option keeps "
       "these axes at size 1. n is the number of reduced elements.",
       rows::reductions()},
      {"Products", "", rows::products()},
      {"Pooling", "", rows::pooling()},
      {"Softmax, normalization, losses", "", rows::normalizing()}};
  return sections;
}

const std::vector<OpCase>& op_table() {
  static const std::vector<OpCase> cases = joined(&OpRow::cases);
  return cases;
}

const std::vector<OpCase>& kink_cases() {
  static const std::vector<OpCase> cases = joined(&OpRow::kinks);
  return cases;
}

const std::vector<GraphOp>& graph_ops() {
  static const std::vector<GraphOp> ops = joined(&OpRow::graphs);
  return ops;
}

const Definition* definition_of(std::string_view op) {
  for (const OpSection& section : op_sections())
    for (const OpRow& row : section.rows)
      if (row.op == op && row.definition.call) return &row.definition;
  return nullptr;
}

namespace rows {

bool any(const Shapes&) { return true; }
bool has_axis(const Shapes& x) { return x[0].rank() >= 1 && x[0].rank() < 4; }
bool is_matrix(const Shapes& x) { return x[0].rank() == 2; }
bool is_image(const Shapes& x) { return x[0].rank() == 4 && x[0][1] >= 2 && x[0][2] >= 2; }
bool same(const Shapes& x) { return has_axis(x) && x[0] == x[1]; }

bool broadcast(const Shapes& x) {
  for (int back = 1; back <= std::min(x[0].rank(), x[1].rank()); ++back) {
    const Index a = x[0][x[0].rank() - back], b = x[1][x[1].rank() - back];
    if (a != b && a != 1 && b != 1) return false;
  }
  return true;
}

Tensor itself(X x) { return x[0]; }
Tensor difference(X x) { return x[0] - x[1]; }
Tensor cubed(Tensor x) { return x * square(x); }

Row function(std::string signature, std::string equation, std::string derivative,
             std::vector<RandomArray> inputs, std::function<Tensor(X)> call) {
  const std::string name = signature.substr(0, signature.find('('));
  return {{name, signature, equation, derivative, "", inputs, call}};
}

Row unary(std::string op, std::string equation, std::string derivative, Tensor (*f)(Tensor),
          Units units, Definition definition) {
  Row row = function(op + "(x)", std::move(equation), std::move(derivative), {normal({3, 5})},
                     [f](X x) { return f(x[0]); });
  return row.defined(std::move(definition)).check("", units).graph(f);
}

Row binary(std::string op, std::string signature, std::string equation, std::string derivative,
           Tensor (*f)(Tensor, Tensor), Units units, Definition definition) {
  Row row = function(std::move(signature), std::move(equation), std::move(derivative),
                     {normal({3, 5}), normal({3, 5})}, [f](X x) { return f(x[0], x[1]); });
  row.op = std::move(op);
  return row.defined(std::move(definition)).check("", units).graph(f);
}

Row derivative_op(std::string op, Definition definition) {
  Row row;
  row.op = std::move(op);
  return row.defined(std::move(definition));
}

}  // namespace rows

}  // namespace twice::experiments
