// Tests every op on inputs that are easily forgotten: arrays that are not contiguous, empty arrays
// and single numbers. Also tests that the report on a wrong op gives the place and both numbers.
#include <boost/test/unit_test.hpp>
#include <regex>
#include <set>

#include "autodiff/autodiff.h"
#include "autodiff/check/derivatives.h"
#include "experiments/commands/check/check.h"
#include "experiments/commands/check/op_table.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::experiments;
using namespace twice::testing;

namespace {

/// A view with the same numbers: every second one of a larger array with reversed axes.
Array scattered(const Array& numbers) {
  if (numbers.rank() == 0) return numbers;
  Shape larger, reversed;
  for (int axis = numbers.rank() - 1; axis >= 0; --axis) {
    larger.push_back(2 * numbers.shape()[axis]);
    reversed.push_back(axis);
  }
  Array view = Array::filled(larger, numbers.dtype(), 77).permuted(reversed);
  for (int axis = 0; axis < numbers.rank(); ++axis)
    view = view.sliced(axis, 1, numbers.shape()[axis], 2);
  copy(numbers, view);
  return view;
}

/// The function's outputs, and the gradients of their sum with respect to the float inputs. The
/// inputs are bound if `bound` is true, and are constants otherwise.
std::vector<Array> computed(const Function& f, const std::vector<Array>& arrays, bool bound) {
  Tape tape;
  Tensors x, floats;
  std::vector<Binding> bindings;
  for (const Array& array : arrays) {
    x.push_back(bound ? tape.input(array.shape(), array.dtype()) : tape.constant(array));
    if (bound) bindings.push_back({x.back(), array});
    if (is_float(array.dtype())) floats.push_back(x.back());
  }
  Tensors all = f(x);
  for (Tensor g : grad(sum(all[0]), floats)) all.push_back(g);
  Plan plan({all});
  plan.run(bindings);
  std::vector<Array> result;
  for (const Array& numbers : plan.values(all)) result.push_back(numbers.clone());
  return result;
}

/// Ops with empty inputs and inputs of one element, for a function that accepts several shapes.
struct SmallCase {
  std::set<std::string> ops;
  std::vector<std::vector<Shape>> shapes;
  Function function;
};

using X = const Tensors&;

Tensor cubed(Tensor x) { return x * square(x); }
Tensor zeros(X x, const Shape& shape) {  // for use as indices
  return x[0].tape().constant(Array::zeros(shape, DType::i32));
}

std::vector<SmallCase> small_moving_cases() {
  return {
      {{"reshape"},
       {{{0, 3}}, {{1, 1}}},
       [](X x) {
         return cubed(reshape(x[0], {x[0].size(1), x[0].size(0)}));
       }},
      {{"broadcast_to"},
       {{{1, 0}}, {{1, 1}}, {{0}}},
       [](X x) {
         return cubed(x[0] + broadcast_to(x[0], {3, x[0].size(-1)}));
       }},
      {{"sum_to"}, {{{0, 3}}, {{3, 0}}, {{1, 1}}}, [](X x) { return cubed(sum(x[0], {0})); }},
      {{"permute"}, {{{0, 3}}, {{1, 1}}}, [](X x) { return cubed(transpose(x[0])); }},
      {{"stop_gradient"},
       {{{0, 3}}, {{1, 1}}},
       [](X x) { return stop_gradient(positive(x[0])) * cubed(x[0]); }},
      {{"slice", "pad"}, {{{0, 3}}, {{1, 2}}}, [](X x) { return cubed(slice(x[0], 1, 0, 1)); }},
      {{"slice"}, {{{1, 3}}}, [](X x) { return cubed(slice(x[0], 1, 2, 2)); }},
      {{"pad"},
       {{{0, 3}}, {{1, 1}}},
       [](X x) {
         return cubed(pad(x[0], {1, 0}, {0, 1}));
       }},
      {{"concat"},
       {{{2, 0}, {2, 0}}, {{2, 0}, {2, 3}}, {{1, 1}, {1, 1}}},
       [](X x) { return cubed(concat(x, 1)); }},
      {{"gather"},
       {{{2, 0}}, {{1, 1}}},
       [](X x) { return cubed(gather(x[0], zeros(x, {x[0].size(1)}))); }},
      {{"scatter_add"},
       {{{0, 2}}, {{1, 1}}},
       [](X x) { return cubed(scatter_add(x[0], zeros(x, {x[0].size(0)}), 2)); }},
      {{"gather_along"},
       {{{0, 2}}, {{1, 1}}},
       [](X x) {
         return cubed(gather_along(x[0], zeros(x, {x[0].size(0), 3}), 1));
       }},
      {{"scatter_along"},
       {{{2, 0}}, {{0, 2}}, {{1, 1}}},
       [](X x) { return cubed(scatter_along(x[0], zeros(x, x[0].shape()), 1, 3)); }},
      {{"one_hot"},
       {{{0, 3}}, {{1, 3}}},
       [](X x) { return cubed(x[0] * one_hot(zeros(x, {x[0].size(0)}), 3, x[0].dtype())); }},
      {{"argmax"}, {{{0, 2}}, {{1, 1}}}, [](X x) { return cubed(max(x[0], {1})); }},
      {{"argmin"}, {{{0, 2}}, {{1, 1}}}, [](X x) { return cubed(min(x[0], {1})); }},
  };
}

std::vector<SmallCase> small_product_cases() {
  const PoolGeometry one{1, 1, 0};
  const ConvGeometry conv{1, 1, 1, 1};
  const Shape kernel{3, 3, 1, 1}, none{0, 2, 2, 1}, single{1, 1, 1, 1};
  return {
      {{"matmul"},
       {{{0, 3}, {3, 2}}, {{2, 0}, {0, 3}}, {{2, 3}, {3, 0}}, {{1, 1}, {1, 1}}},
       [](X x) { return square(matmul(x[0], x[1])); }},
      {{"batched_matmul"},
       {{{0, 2, 3}, {0, 3, 2}}, {{2, 2, 0}, {2, 0, 3}}, {{1, 1, 1}, {1, 1, 1}}},
       [](X x) { return square(batched_matmul(x[0], x[1])); }},
      {{"conv2d", "conv2d_input_grad", "conv2d_weight_grad"},
       {{none, kernel}, {single, kernel}, {single, single}},
       [=](X x) { return square(conv2d(x[0], x[1], conv)); }},
      {{"average_pool2d", "average_pool2d_adjoint"},
       {{none}, {single}},
       [=](X x) { return square(average_pool2d(x[0], one)); }},
      {{"max_pool2d_indices", "pool_gather", "pool_scatter"},
       {{none}, {single}},
       [=](X x) { return square(max_pool2d(x[0], one)); }},
      {{"softmax", "softmax_product"},
       {{{0, 3}}, {{3, 0}}, {{1, 1}}},
       [](X x) { return square(softmax(x[0])); }},
      {{"log_softmax"},
       {{{0, 3}}, {{3, 0}}, {{1, 1}}},
       [](X x) { return square(log_softmax(x[0])); }},
      {{"logsumexp"}, {{{0, 3}}, {{1, 1}}}, [](X x) { return square(logsumexp(x[0], {1})); }},
      {{"cross_entropy", "softmax_error"},
       {{{0, 3}}, {{1, 1}}},
       [](X x) {
         return square(cross_entropy(x[0], zeros(x, {x[0].size(0)}), 0, Reduction::sum));
       }},
      {{"center"}, {{{0, 3}}, {{1, 1}}}, [](X x) { return square(center(x[0], {1})); }},
      {{"variance"}, {{{0, 3}}, {{1, 1}}}, [](X x) { return variance(x[0], {1}); }},
      {{"standardize", "inverse_deviation"},
       {{{0, 3}}, {{3, 0}}, {{1, 1}}},
       [](X x) { return square(standardize(x[0], {1})); }},
  };
}

/// The cases of elementwise ops, whose functions accept any shape. Losses are left out, because the
/// mean of no numbers is NaN.
std::vector<OpCase> cases_of_any_shape() {
  std::vector<OpCase> cases;
  for (const OpSection& section : op_sections())
    for (const OpRow& row : section.rows)
      if (row.op == "dropout_mask" ||
          (definition_of(row.op) && section.title != "Softmax, normalization, losses"))
        cases.insert(cases.end(), row.cases.begin(), row.cases.end());
  return cases;
}

void check_small(const std::string& op, const Function& f, const std::vector<Shape>& shapes) {
  std::vector<Array> inputs;
  for (const Shape& shape : shapes) {
    inputs.emplace_back(shape, DType::f64);
    fill_uniform(Rng(3, 0, inputs.size()), 0.5, 0.9, inputs.back());
  }
  for (const CheckResult& result : check_derivatives(f, inputs))
    BOOST_TEST(result.ok, op << " of " << str(shapes[0]) << ": " << str(result));
}

/// y = x^2 with a slope that is wrong at entry 4 only: 3 x instead of 2 x.
struct WrongAtFour final : Elementwise<WrongAtFour, 1> {
  std::string_view name() const override { return "wrong_at_four"; }
  template <class V>
  V eval(V x) const {
    return x * x;
  }
  Slope slope(int, std::span<const Tensor> x, Tensor) const override {
    const Array factor = Array::filled(x[0].shape(), x[0].dtype(), 2);
    factor.set(4, 3);
    return x[0].tape().constant(factor) * x[0];
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(op_inputs)

BOOST_AUTO_TEST_CASE(inputs_need_not_be_contiguous) {
  for (const OpCase& row : op_table()) {
    const std::vector<Array> plain = row.draw();
    std::vector<Array> views;
    bool any = false;
    for (const Array& array : plain) {
      views.push_back(scattered(array));
      any = any || !views.back().contiguous() || array.rank() == 0;
    }
    BOOST_TEST(any, row.op);
    for (bool bound : {true, false}) {
      const std::vector<Array> expected = computed(row.function, plain, bound);
      const std::vector<Array> found = computed(row.function, views, bound);
      for (std::size_t i = 0; i < expected.size(); ++i)
        BOOST_TEST(same_bits(found[i], expected[i]), row.op << ", " << row.label);
    }
  }
}

BOOST_AUTO_TEST_CASE(empty_inputs_and_single_numbers) {
  const Threads one(1);
  std::set<std::string> covered;
  for (const OpCase& row : cases_of_any_shape()) {
    covered.insert(row.op);
    for (const Shape& shape : {Shape{0}, Shape{2, 0}, Shape{}, Shape{1}, Shape{1, 1}})
      check_small(row.op, row.function, std::vector<Shape>(row.inputs.size(), shape));
  }
  for (const auto cases : {small_moving_cases, small_product_cases})
    for (const SmallCase& small : cases()) {
      covered.insert(small.ops.begin(), small.ops.end());
      for (const auto& shapes : small.shapes)
        check_small(*small.ops.begin(), small.function, shapes);
    }
  for (const OpCase& row : op_table()) BOOST_TEST(covered.contains(row.op), row.op);
}

BOOST_AUTO_TEST_CASE(the_report_says_where_a_wrong_op_is_wrong) {
  const auto f = [](X x) { return cubed(x[0]) + record<WrongAtFour>({x[1]}); };
  const std::vector<Array> inputs{random_array({7}), random_array({7}, DType::f64, 2)};
  const std::vector<CheckRow> rows = check_rows("wrong op", f, inputs);
  const std::string report = check_report(rows);
  const std::regex line(
      "FAILED wrong op: order 1, finite difference: input 1, entry 4: "
      "engine ([-.e0-9]+), reference ([-.e0-9]+): error");
  std::smatch numbers;
  BOOST_REQUIRE_MESSAGE(std::regex_search(report, numbers, line), report);
  BOOST_TEST(std::stod(numbers[1]) / std::stod(numbers[2]) == 1.5,
             boost::test_tools::tolerance(1e-6));
}

BOOST_AUTO_TEST_SUITE_END()
