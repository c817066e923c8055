// Tests the FLOPs and bytes of `Op::cost` for every op that a row of the op table records, in f32
// and f64. They must equal the counts of an instrumented reference (counted.h) that computes the
// same numbers. An op without a reference fails.
#include <boost/test/unit_test.hpp>
#include <set>

#include "autodiff/derive/grad.h"
#include "autodiff/ops/algebra.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/conv.h"
#include "autodiff/ops/pool.h"
#include "experiments/commands/check/op_table.h"
#include "tests/ops/counted.h"
#include "tests/ops/helpers.h"

namespace twice::testing {

double Execution::number(const std::string& word) const {
  const std::size_t at = attributes.find(word);
  if (at == std::string::npos) fail("test", "'{}' has no '{}'", attributes, word);
  return std::stod(attributes.substr(at + word.size()));
}

Shape Execution::list(const std::string& word) const {
  const std::size_t at = attributes.find('(', attributes.find(word));
  if (at == std::string::npos) fail("test", "'{}' has no list behind '{}'", attributes, word);
  Shape result;
  for (std::size_t i = at + 1; attributes[i] != ')';) {
    std::size_t length = 0;
    result.push_back(std::stol(attributes.substr(i), &length));
    i += length;
    if (attributes[i] == ',') ++i;
  }
  return result;
}

}  // namespace twice::testing

using namespace twice;
using namespace twice::experiments;
using namespace twice::testing;

namespace {

const References& references() {
  static const References all = [] {
    References result = moving_references();
    for (const auto group : {product_references, row_references}) result.merge(group());
    return result;
  }();
  return all;
}

/// The reference of an op. For an elementwise op it is the definition in the op table.
Reference reference_of(const Op& op) {
  const Definition* definition = definition_of(op.name());
  if (!definition) {
    const auto found = references().find(std::string(op.name()));
    BOOST_REQUIRE_MESSAGE(found != references().end(),
                          "the op " << op.name()
                                    << " has neither a definition in its row of the op table "
                                       "nor a reference in tests/ops/cost_references_*.cpp");
    return found->second;
  }
  return [definition](Execution& e) {
    const std::vector<double> attributes = exact::numbers_in(e.attributes);
    const double before = Number::flops();
    for (Index i = 0; i < e.y.elements(); ++i) {
      std::vector<Number> x;
      for (Touched& input : e.x) x.push_back(input.read(i).value());
      e.y.write(i, definition->call(x, attributes).value());
    }
    Counted::flops() += Number::flops() - before;
  };
}

/// Indices 0, 1, 2, ... along the axis, repeated. The formulas cannot depend on the values of
/// indices, so they assume that indices pick as many different entries as possible. These do so.
Array spread(const Spec& spec, Index axis_size, Index inner) {
  const Array result(spec.shape, DType::i32);
  for (Index i = 0; i < result.elements(); ++i)
    result.set(i, static_cast<double>(i / inner % axis_size));
  return result;
}

/// The inputs of an op. Indices are replaced by spread ones.
std::vector<Array> with_spread_indices(const Op& op, std::vector<Array> x, const Shape& y) {
  const Spec indices{x.back().shape(), x.back().dtype()};
  const Shape& from = x[0].shape();
  if (op.name() == "gather") x[1] = spread(indices, from[0], 1);
  if (op.name() == "scatter_add") x[1] = spread(indices, y[0], 1);
  if (op.name() == "gather_along") x[1] = spread(indices, from.back(), 1);
  if (op.name() == "scatter_along") x[1] = spread(indices, y.back(), 1);
  if (op.name() == "pool_gather") x[1] = spread(indices, from[1] * from[2], from[3]);
  if (op.name() == "pool_scatter") x[1] = spread(indices, y[1] * y[2], y[3]);
  return x;
}

/// Runs the op and its reference on x. With several terms, the op must be a sum of that many ops
/// (`summed_with`). Each term has its share of the inputs, and the reference runs for each. With
/// `adds`, the op must be `adding()` of such an op, and its last input is added to y.
void compare(const Op& op, const std::vector<Array>& x, const std::string& what,
             std::size_t terms = 1, bool adds = false) {
  BOOST_TEST_CONTEXT(what << ": " << op.name() << " " << op.attributes()) {
    const Reference reference = reference_of(op);
    std::vector<Spec> specs;
    for (const Array& array : x) specs.push_back({array.shape(), array.dtype()});
    const Spec spec = op.infer(specs);
    const std::size_t inputs_per_term = (x.size() - (adds ? 1 : 0)) / terms;
    std::vector<double> sum(static_cast<std::size_t>(spec.shape.elements()));
    double bytes = 0;
    Counted::flops() = 0;
    for (std::size_t term = 0; term < terms; ++term) {
      Execution execution{std::string(op.name()), op.attributes(), {}, Touched(spec)};
      for (std::size_t i = 0; i < inputs_per_term; ++i)
        execution.x.emplace_back(x[term * inputs_per_term + i]);
      const bool last = term + 1 == terms;
      if (last && adds) execution.x.emplace_back(x.back());
      reference(execution);
      if (last && adds)
        for (Index i = 0; i < execution.y.elements(); ++i)
          execution.y.add(i, execution.x.back().read(i));
      for (const Touched& input : execution.x) bytes += input.bytes_touched();
      if (last) bytes += execution.y.bytes_touched();  // the sum of all terms is written once
      for (std::size_t i = 0; i < sum.size(); ++i)
        sum[i] += execution.y.value(static_cast<Index>(i));
    }

    const Cost stated = op.cost(specs, spec);
    BOOST_TEST(stated.flops == Counted::flops(),
               "Op::cost states " << stated.flops << " FLOPs; the reference counts "
                                  << Counted::flops() << " for " << spec.shape.elements()
                                  << " numbers");
    BOOST_TEST(stated.bytes == bytes);

    // The counts are meaningful only if the reference computes the same numbers.
    const Array y(spec.shape, spec.dtype);
    std::vector<const Array*> inputs;
    for (const Array& array : x) inputs.push_back(&array);
    const auto scratch = aligned_storage(op.workspace(specs, spec));
    op.run(Inputs(inputs), y, scratch.get());
    const double tolerance = spec.dtype == DType::f32 ? 1e-4 : 1e-12;
    for (Index i = 0; i < y.elements(); ++i) {
      const double expected = sum[static_cast<std::size_t>(i)];
      BOOST_TEST(std::abs(y.at(i) - expected) <= tolerance * std::max(1.0, std::abs(expected)),
                 "entry " << i << ": " << y.at(i) << ", reference " << expected);
    }
  }
}

/// Cases that the table lacks: windows that skip pixels, and images that windows do not tile.
std::vector<OpCase> skipping_cases() {
  using X = const Tensors&;
  const PoolGeometry apart{2, 3, 0}, padded{2, 3, 1};
  const ConvGeometry conv{3, 1, 2, 1};
  const RandomArray images = distinct({2, 8, 7, 2});
  return {
      {"average_pool2d", "skips", {images}, [=](X x) { return average_pool2d(x[0], apart); }},
      {"average_pool2d", "padded", {images}, [=](X x) { return average_pool2d(x[0], padded); }},
      {"max_pool2d_indices", "skips", {images}, [=](X x) { return max_pool2d(x[0], apart); }},
      {"conv2d",
       "skips",
       {images, normal({2, 1, 2, 3})},
       [=](X x) { return conv2d(x[0], x[1], conv); }},
  };
}

/// Compares all nodes of a row's function and its gradient with their references.
void compare_all(const OpCase& row, DType dtype, std::set<std::string>& seen) {
  Tape tape;
  Tensors x, floats;
  std::vector<Binding> bindings;
  for (const Array& array : row.draw()) {
    const bool real = is_float(array.dtype());
    x.push_back(tape.input(array.shape(), real ? dtype : array.dtype()));
    bindings.push_back({x.back(), real ? array.cast(dtype) : array});
    if (real) floats.push_back(x.back());
  }
  grad(sum(row.function(x)[0]), floats);
  Tensors all;
  for (int i = 0; i < tape.size(); ++i) all.push_back(tape.handle(i));
  Plan plan({all}, no_passes());
  plan.run(bindings);

  for (int i = 0; i < tape.size(); ++i) {
    const Node& node = tape.node(i);
    if (!node.op) continue;
    seen.insert(std::string(node.op->name()));
    std::vector<Array> inputs;
    for (int input : tape.inputs_of(node)) inputs.push_back(plan.value(tape.handle(input)));
    inputs = with_spread_indices(*node.op, inputs, node.spec.shape);
    const std::string what = row.op + ", " + row.label + ", " + std::string(str(dtype));
    compare(*node.op, inputs, what);
    const KernelForms* forms = kernel_forms(*node.op);
    if (!forms) continue;
    const auto compare_adding = [&](const Op& op, std::size_t terms) {
      const auto adding = kernel_forms(op)->adding();
      if (!adding) return;
      std::vector<Array> more = inputs;
      more.push_back(random_array(node.spec.shape, DType::f64, 9).cast(node.spec.dtype));
      compare(*adding, more, what + ", adding", terms, true);
    };
    compare_adding(*node.op, 1);
    std::vector<Spec> specs;
    for (const Array& input : inputs) specs.push_back({input.shape(), input.dtype()});
    if (const auto both = forms->summed_with(*node.op, specs, specs)) {
      for (const Spec& spec : specs)
        inputs.push_back(random_array(spec.shape, DType::f64, 10).cast(spec.dtype));
      compare(*both, inputs, what + ", sum of two", 2);
      compare_adding(*both, 2);
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(op_costs)

BOOST_AUTO_TEST_CASE(every_formula_equals_the_count_of_an_instrumented_kernel) {
  const Threads one(1);
  std::set<std::string> seen;
  for (const OpCase& row : op_table())
    for (DType dtype : {DType::f64, DType::f32}) compare_all(row, dtype, seen);
  for (const OpCase& row : skipping_cases()) compare_all(row, DType::f64, seen);
  for (const OpCase& row : op_table()) BOOST_TEST(seen.contains(row.op), row.op);
  // Every reference must have been used.
  for (const auto& [op, reference] : references()) BOOST_TEST(seen.contains(op), op);
}

BOOST_AUTO_TEST_SUITE_END()
