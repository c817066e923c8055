// Tests the losses of nn/ and the accuracy on numbers that can be checked by hand.
#include "nn/losses.h"

#include <boost/test/unit_test.hpp>
#include <limits>

#include "tests/nn/checks.h"

using namespace twice;
using namespace twice::testing;

BOOST_AUTO_TEST_SUITE(losses)

BOOST_AUTO_TEST_CASE(quarter_of_the_mean_square) {
  Tape tape;
  const Array numbers = Array::from<double>({1, 2, 3}, {3, 1});
  const Tensor p = tape.parameter(numbers),
               t = tape.constant(Array::from<double>({0, 4, 3}, {3, 1}));
  BOOST_TEST(evaluate(quarter_mse(p, t)).item() == 5.0 / 12, boost::test_tools::tolerance(1e-15));
  const Array g = evaluate(grad(quarter_mse(p, t), p)[0]);  // (p - t) / (2 n)
  BOOST_TEST(g.at(0) == 1.0 / 6, boost::test_tools::tolerance(1e-15));
  BOOST_TEST(g.at(1) == -2.0 / 6, boost::test_tools::tolerance(1e-15));
  BOOST_TEST(g.at(2) == 0);
  BOOST_CHECK_THROW(quarter_mse(p, tape.constant(normals({3}, 1))), Error);
}

BOOST_AUTO_TEST_CASE(gradient_of_the_diagonal_linear_network) {
  // The gradients with respect to w = plus and w = minus are +- w o X'(X beta - y) / n.
  const Model model = dln({.inputs = 3});
  const std::vector<Array> w = {normals({3, 1}, 1), normals({3, 1}, 2)};
  const Array x = normals({5, 3}, 3), y = normals({5, 1}, 4);
  Tape tape;
  const Tensors leaves = model.parameters(tape, w);
  const Tensors g = grad(quarter_mse(model(leaves, tape.constant(x)), tape.constant(y)), leaves);
  for (Index i = 0; i < 3; ++i) {
    double common = 0;
    for (Index n = 0; n < 5; ++n) {
      double r = -y.at(n);
      for (Index j = 0; j < 3; ++j)
        r += x.at(n * 3 + j) * (std::pow(w[0].at(j), 2) - std::pow(w[1].at(j), 2));
      common += x.at(n * 3 + i) * r / 5;
    }
    const auto close = boost::test_tools::tolerance(1e-12);
    BOOST_TEST(evaluate(g[0]).at(i) == w[0].at(i) * common, close);
    BOOST_TEST(evaluate(g[1]).at(i) == -w[1].at(i) * common, close);
  }
}

BOOST_AUTO_TEST_CASE(accuracy_counts_largest_entries) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Array logits = Array::from<float>({1, 3, 2,    //
                                           5, 5, 0,    //
                                           0, 1, nan,  //
                                           -3, -2, -1},
                                          {4, 3});
  const auto labels = [](std::vector<std::int32_t> v) { return Array::from(v, {4}); };
  BOOST_TEST(count_correct(logits, labels({1, 0, 1, 2})) == 3);
  BOOST_TEST(count_correct(logits, labels({1, 1, 2, 2})) == 2);
  BOOST_TEST(accuracy(logits, labels({0, 0, 0, 0})) == 0.25);
  BOOST_TEST(count_correct(logits.cast(DType::f64), labels({1, 0, 1, 2})) == 3);
  BOOST_CHECK_THROW(count_correct(logits, Array::zeros({3}, DType::i32)), Error);
  BOOST_CHECK_THROW(count_correct(logits, Array::zeros({4}, DType::f32)), Error);
  BOOST_CHECK_THROW(accuracy(Array::zeros({0, 3}, DType::f32), Array::zeros({0}, DType::i32)),
                    Error);
}

BOOST_AUTO_TEST_CASE(total_cross_entropy_is_the_recorded_one) {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Array logits = normals({6, 4}, 3, 30, dtype);
    const Array labels = Array::from<std::int32_t>({0, 3, 1, 2, 2, 0}, {6});
    Tape tape;
    const double recorded =
        6 * evaluate(cross_entropy(tape.constant(logits), tape.constant(labels))).item();
    BOOST_TEST(total_cross_entropy(logits, labels) == recorded,
               boost::test_tools::tolerance(dtype == DType::f64 ? 1e-14 : 1e-6));
    logits.set(5, std::numeric_limits<double>::quiet_NaN());
    BOOST_TEST(std::isnan(total_cross_entropy(logits, labels)));
  }
  // e^1000 overflows, but the loss must not.
  const Array large = Array::from<double>({1000, 0}, {1, 2});
  BOOST_TEST(total_cross_entropy(large, Array::from<std::int32_t>({1}, {1})) == 1000);
  for (const int label : {-1, 2}) {
    const Array wrong = Array::from<std::int32_t>({label}, {1});
    BOOST_CHECK_THROW(total_cross_entropy(large, wrong), Error);
    BOOST_CHECK_THROW(count_correct(large, wrong), Error);
  }
}

BOOST_AUTO_TEST_SUITE_END()
