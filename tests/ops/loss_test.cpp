// Tests losses against plain loops over their definitions. The op table tests their derivatives.
#include "autodiff/ops/loss.h"

#include <boost/test/unit_test.hpp>
#include <numeric>

#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::testing;

namespace {

using Numbers = std::vector<double>;

constexpr Index rows = 4, classes = 3;

/// 4 rows of 3 predictions, with targets between 0 and 1, and with labels.
struct Batch {
  Tape tape;
  Array numbers = random_array({rows, classes}), others{Shape{rows, classes}, DType::f64};
  Array labels = Array::from(std::vector<std::int32_t>{2, 0, 1, 1}, {rows});
  Tensor x, t, y;

  Batch() {
    numbers.set(3, 4);
    for (Index i = 0; i < others.elements(); ++i)
      others.set(i, 0.07 * static_cast<double>(i) + 0.1);
    x = tape.constant(numbers);
    t = tape.constant(others);
    y = tape.constant(labels);
  }
  double at(Index row, Index c) const { return numbers.at(row * classes + c); }
  double target(Index row, Index c) const { return others.at(row * classes + c); }
  double log_softmax_at(Index row, Index c) const {
    double sum = 0;
    for (Index j = 0; j < classes; ++j) sum += std::exp(at(row, j));
    return at(row, c) - std::log(sum);
  }
};

/// Compares the loss with each reduction against the losses of the examples.
template <class Loss>
void check(const Loss& loss, const Numbers& expected) {
  const double sum = std::accumulate(expected.begin(), expected.end(), 0.0);
  const auto close = boost::test_tools::tolerance(1e-13);
  const Numbers each = evaluate(loss(Reduction::none)).to_vector();
  BOOST_TEST_REQUIRE(each.size() == expected.size());
  for (std::size_t i = 0; i < each.size(); ++i) BOOST_TEST(each[i] == expected[i], close);
  BOOST_TEST(evaluate(loss(Reduction::sum)).item() == sum, close);
  BOOST_TEST(evaluate(loss(Reduction::mean)).item() == sum / static_cast<double>(expected.size()),
             close);
}

/// f(prediction, target) for every number.
template <class F>
Numbers for_each_number(const Batch& b, const F& f) {
  Numbers result;
  for (Index i = 0; i < rows * classes; ++i) result.push_back(f(b.numbers.at(i), b.others.at(i)));
  return result;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(loss_values)

BOOST_AUTO_TEST_CASE(cross_entropy_of_labels) {
  Batch b;
  for (double smoothing : {0.0, 0.1, 1.0}) {
    Numbers expected;
    for (Index row = 0; row < rows; ++row) {
      double loss = 0;
      for (Index c = 0; c < classes; ++c) {
        const double target =
            (1 - smoothing) * (b.labels.at(row) == static_cast<double>(c)) + smoothing / classes;
        loss -= target * b.log_softmax_at(row, c);
      }
      expected.push_back(loss);
    }
    check([&](Reduction r) { return cross_entropy(b.x, b.y, smoothing, r); }, expected);
  }
}

BOOST_AUTO_TEST_CASE(cross_entropy_of_distributions) {
  Batch b;
  Numbers expected;
  for (Index row = 0; row < rows; ++row) {
    double loss = 0;
    for (Index c = 0; c < classes; ++c) loss -= b.target(row, c) * b.log_softmax_at(row, c);
    expected.push_back(loss);
  }
  check([&](Reduction r) { return soft_cross_entropy(b.x, b.t, r); }, expected);
}

BOOST_AUTO_TEST_CASE(binary_cross_entropy_of_logits) {
  Batch b;
  check([&](Reduction r) { return binary_cross_entropy(b.x, b.t, r); },
        for_each_number(b, [](double x, double t) {
          const double p = 1 / (1 + std::exp(-x));
          return -t * std::log(p) - (1 - t) * std::log(1 - p);
        }));
}

BOOST_AUTO_TEST_CASE(squares_and_huber) {
  Batch b;
  check([&](Reduction r) { return mse(b.x, b.t, r); },
        for_each_number(b, [](double x, double t) { return (x - t) * (x - t); }));
  check([&](Reduction r) { return huber(b.x, b.t, 0.6, r); },
        for_each_number(b, [](double x, double t) {
          const double d = std::abs(x - t);
          return d <= 0.6 ? d * d / 2 : 0.6 * (d - 0.3);
        }));
}

BOOST_AUTO_TEST_SUITE_END()
