// Tests the printed text of arrays, tensors, tapes and plans, and the function `evaluate`.
#include <fmt/ranges.h>

#include <boost/test/unit_test.hpp>
#include <sstream>

#include "autodiff/autodiff.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::testing;

namespace {

/// The text of a value. Checks that a stream and fmt write the same.
template <class T>
std::string text_of(const T& value) {
  std::ostringstream stream;
  stream << value;
  BOOST_TEST(fmt::format("{}", value) == stream.str());
  return stream.str();
}

std::string lines(std::initializer_list<std::string_view> list) {
  return fmt::format("{}", fmt::join(list, "\n"));
}

Array counted(const Shape& shape, DType dtype = DType::f64) {
  const Array array(shape, dtype);
  for (Index i = 0; i < array.elements(); ++i) array.set(i, static_cast<double>(i));
  return array;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(print)

BOOST_AUTO_TEST_CASE(arrays_show_their_numbers) {
  BOOST_TEST(text_of(array_of({0.1, -2, 1e-30})) == "f64 (3) [0.1 -2 1e-30]");
  BOOST_TEST(text_of(array_of({0.1, 1.0 / 3}, DType::f32)) == "f32 (2) [0.1 0.333333]");
  BOOST_TEST(text_of(Array::scalar(2.5, DType::f32)) == "f32 () 2.5");
  BOOST_TEST(text_of(Array::filled({2}, DType::i32, -2147483648.0)) ==
             "i32 (2) [-2147483648 -2147483648]");
  BOOST_TEST(text_of(array_of({NAN, -INFINITY})) == "f64 (2) [nan -inf]");
  BOOST_TEST(text_of(Array()) == "no array");
  BOOST_TEST(text_of(Array(Shape{0}, DType::f32)) == "f32 (0) []");
  BOOST_TEST(text_of(Array(Shape{2, 0}, DType::f32)) == lines({"f32 (2, 0)", "[[]", " []]"}));
  // Columns are aligned. A transposed view prints its own rows.
  const Array matrix = Array::from(std::vector<double>{1, -0.25, 3, 10, 5, 6}, {2, 3});
  BOOST_TEST(text_of(matrix) == lines({"f64 (2, 3)", "[[    1 -0.25     3]",  //
                                       " [   10     5     6]]"}));
  BOOST_TEST(text_of(matrix.permuted({1, 0})) ==
             lines({"f64 (3, 2)", "[[    1    10]", " [-0.25     5]", " [    3     6]]"}));
  BOOST_TEST(text_of(counted({2, 2, 2}, DType::i32)) ==
             lines({"i32 (2, 2, 2)", "[[[0 1]", "  [2 3]]", " [[4 5]", "  [6 7]]]"}));
}

BOOST_AUTO_TEST_CASE(large_arrays_are_shortened) {
  BOOST_TEST(text_of(counted({101})) == "f64 (101) [0 1 2 ... 98 99 100]");
  BOOST_TEST(text_of(counted({100})).find("...") == std::string::npos);
  BOOST_TEST(text_of(counted({51, 2}, DType::i32)) ==
             lines({"i32 (51, 2)", "[[  0   1]", " [  2   3]", " [  4   5]", " ...", " [ 96  97]",
                    " [ 98  99]", " [100 101]]"}));
  // The text of a huge array is short, and quick to make.
  const Array one = Array::scalar(1, DType::f32);
  BOOST_TEST(text_of(one.broadcast({Index{1} << 44})) ==
             fmt::format("f32 ({}) [1 1 1 ... 1 1 1]", Index{1} << 44));
  BOOST_TEST(text_of(one.broadcast(Shape::filled(8, 40))).size() < 5000u);
}

BOOST_AUTO_TEST_CASE(shapes_print_beside_fmts_ranges) {
  BOOST_TEST(text_of(Shape{2, 3}) == "(2, 3)");
  BOOST_TEST(fmt::format("{}", std::vector<Shape>{{1}, {}}) == "[(1), ()]");
}

BOOST_AUTO_TEST_CASE(tensors_and_tapes_are_lines) {
  Tape tape;
  BOOST_TEST(text_of(tape).empty());
  const Tensor x = tape.input({2, 3}, DType::f32, "images");
  const Tensor w = tape.parameter(Array::zeros({3}, DType::f32), "w");
  const Tensor y = slice(x, 0, 0, 1), z = y * w;
  const Tensor g = grad(sum(z), {w})[0];
  BOOST_TEST(text_of(x) == "%0 = input images, f32 (2, 3), forward");
  BOOST_TEST(text_of(w) == "%1 = parameter w, f32 (3), forward");
  BOOST_TEST(text_of(y).starts_with("%2 = slice["));
  BOOST_TEST(text_of(y).ends_with("](%0), f32 (1, 3), forward"));
  BOOST_TEST(text_of(z) ==
             fmt::format("%{} = mul(%2, %{}), f32 (1, 3), forward", z.index(), z.index() - 1));
  BOOST_TEST(text_of(g).find("backward") != std::string::npos);
  BOOST_TEST(text_of(tape.constant(0.5, DType::f64)).find(" = constant, f64 (), forward") !=
             std::string::npos);
  BOOST_TEST(text_of(tape.constant(array_of({1, 2}))).find(" = constant, f64 (2)") !=
             std::string::npos);
  std::vector<std::string> all;
  for (int i = 0; i < tape.size(); ++i) all.push_back(str(tape.handle(i)));
  BOOST_TEST(text_of(tape) == fmt::format("{}", fmt::join(all, "\n")));
  BOOST_TEST(text_of(Tensor()) == "no tensor");
  tape.clear();
  BOOST_TEST(text_of(x) == "a stale handle to node 0");
}

BOOST_AUTO_TEST_CASE(plans_are_their_steps_and_a_total) {
  Tape tape;
  const Tensor x = tape.input({2, 3}, DType::f32, "images");
  const Tensor w = tape.parameter(Array::zeros({3, 3}, DType::f32), "w");
  PlanOptions options = no_passes();
  options.dead_code = options.reuse_memory = options.in_place = true;
  const Plan plan({matmul(x, w) * 2}, options);
  BOOST_TEST(text_of(plan) ==
             lines({"%2 = matmul(images, w), f32 (2, 3), 24 bytes",
                    "%3 = affine(%2), f32 (2, 3), 24 bytes, in place",
                    "2 steps, 124 bytes: arena 64, inputs, parameters and constants 60"}));
}

BOOST_AUTO_TEST_CASE(evaluate_runs_once_as_recorded) {
  Tape tape;
  const Tensor x = tape.input({2}, DType::f64), other = tape.input({5}, DType::f64);
  const Tensor y = x * 3, sum_of_other = sum(other);
  const Array numbers = array_of({1, 2});
  // `evaluate` needs no binding for `other`. It returns new arrays, so a change to one affects no
  // other.
  const Array found = evaluate(y, {{x, numbers}});
  BOOST_CHECK(same_bits(found, array_of({3, 6})));
  const std::vector<Array> both = evaluate({x, y, y}, {{x, numbers}});
  BOOST_REQUIRE(both.size() == 3u);
  both[0].set(0, 7);
  both[1].set(0, 8);
  BOOST_TEST(numbers.at(0) == 1);
  BOOST_TEST(both[2].at(0) == 3);
  BOOST_TEST(evaluate(sum_of_other, {{other, array_of({1, 2, 3, 4, 5})}}).item() == 15);
  BOOST_TEST(error_of([&] { evaluate(y); }) == "[run] input 'input', f64 (2), was never bound");
  BOOST_TEST(error_of([&] { evaluate(Tensors{}); }) == "[plan] a plan needs at least one output");

  // `evaluate` computes (a b) c in the recorded order. A plan would choose the cheaper order.
  const Tensor a = tape.constant(random_array({40, 1}, DType::f32, 1)),
               b = tape.constant(random_array({1, 40}, DType::f32, 2)),
               c = tape.constant(random_array({40, 3}, DType::f32, 3));
  const Tensor chain = matmul(matmul(a, b), c);
  PlanOptions options = no_passes();
  options.dead_code = true;
  Plan recorded({chain}, options);
  recorded.run();
  BOOST_CHECK(same_bits(evaluate(chain), recorded.value(chain)));
}

BOOST_AUTO_TEST_SUITE_END()
