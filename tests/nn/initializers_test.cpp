// Tests initializers: fans, the variance of each rule, bounds, and the table of names.
#include "nn/initializers.h"

#include <boost/test/unit_test.hpp>

#include "tests/nn/checks.h"

using namespace twice;
using namespace twice::testing;

namespace {

struct Moments {
  double mean = 0, variance = 0, largest = 0;
};

Moments moments(const Array& a) {
  Moments m;
  const auto n = static_cast<double>(a.elements());
  for (double v : a.to_vector()) {
    m.mean += v / n;
    m.variance += v * v / n;
    m.largest = std::max(m.largest, std::abs(v));
  }
  return m;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(initializers)

BOOST_AUTO_TEST_CASE(fans) {
  BOOST_TEST(fan({784, 100}).in == 784);
  BOOST_TEST(fan({784, 100}).out == 100);
  BOOST_TEST(fan({3, 5, 7, 11}).in == 3 * 5 * 7);
  BOOST_TEST(fan({3, 5, 7, 11}).out == 3 * 5 * 11);
  BOOST_TEST(fan({10}).in == 1);
  BOOST_CHECK_THROW(fan({2, 3, 4}), Error);
}

BOOST_AUTO_TEST_CASE(variance_of_each_rule) {
  struct Case {
    const char* name;
    Shape shape;
    double variance;
    bool uniform;
  };
  const std::vector<Case> cases = {
      {"he_normal", {200, 300}, 2.0 / 200, false},
      {"he_uniform", {200, 300}, 2.0 / 200, true},
      {"glorot_normal", {200, 300}, 2.0 / 500, false},
      {"glorot_uniform", {200, 300}, 2.0 / 500, true},
      {"lecun_normal", {200, 300}, 1.0 / 200, false},
      {"lecun_uniform", {200, 300}, 1.0 / 200, true},
      {"he_normal", {3, 3, 32, 128}, 2.0 / 288, false},
      {"glorot_uniform", {3, 3, 32, 128}, 2.0 / (9 * 160), true},
  };
  for (const Case& c : cases) {
    BOOST_TEST_CONTEXT(c.name << " " << str(c.shape)) {
      const Initializer init = initializer_named(c.name);
      Array a(c.shape, DType::f64);
      init.fill(Rng(5), a);
      const Moments m = moments(a);
      const auto n = static_cast<double>(a.elements());
      BOOST_TEST(init.variance(c.shape) == c.variance, boost::test_tools::tolerance(1e-12));
      // The bounds are five standard deviations of the sample's mean and variance.
      BOOST_TEST(std::abs(m.mean) < 5 * std::sqrt(c.variance / n));
      BOOST_TEST(std::abs(m.variance / c.variance - 1) < 5 * std::sqrt(2 / n));
      const double bound = std::sqrt(3 * c.variance);
      BOOST_TEST((m.largest <= bound) == c.uniform);
      BOOST_TEST(m.largest > 0.99 * bound);
    }
  }
  // For a leaky relu of slope a, the variance is smaller by the factor 1 + a^2.
  BOOST_TEST(he_normal(1).variance({50, 2}) == 1.0 / 50, boost::test_tools::tolerance(1e-12));
}

BOOST_AUTO_TEST_CASE(constants) {
  for (const auto& [init, expected] :
       {std::pair{zeros_init(), 0.0}, {ones_init(), 1.0}, {constant_init(0.25), 0.25}}) {
    const Array a = Array::filled({3, 4}, DType::f32, -7);
    init.fill(Rng(1), a);
    for (double v : a.to_vector()) BOOST_TEST(v == expected);
    BOOST_TEST(init.variance({3, 4}) == 0);
  }
}

BOOST_AUTO_TEST_CASE(names) {
  for (const std::string& name : initializer_names()) BOOST_CHECK_NO_THROW(initializer_named(name));
  BOOST_CHECK_EXCEPTION(initializer_named("he"), Error, [](const Error& e) {
    return std::string(e.what()).find("he_normal") != std::string::npos;
  });
}

BOOST_AUTO_TEST_SUITE_END()
