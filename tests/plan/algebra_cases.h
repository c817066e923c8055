// Shared by the tests of the passes that rewrite products: counts, a comparison with a plan without
// passes, and random choices for graphs of matrices.
#pragma once

#include <boost/test/unit_test.hpp>
#include <random>

#include "autodiff/plan/plan.h"
#include "tests/ops/helpers.h"

namespace twice::testing {

struct Counts {
  std::size_t steps = 0;
  int products = 0, small = 0;
  double flops = 0;
};

inline Counts counts(const Plan& plan) {
  Counts result{plan.program().steps.size()};
  for (const Step& step : plan.program().steps) {
    result.products += step.cost.products;
    result.small += step.cost.small_products;
    result.flops += step.cost.flops;
  }
  return result;
}

/// The plan with all passes. Checks its values against those of the plan without passes.
inline Plan checked_plan(const Tensors& outputs, double tolerance = 1e-13) {
  Plan planned({outputs}), plain({outputs}, no_passes());
  planned.run();
  plain.run();
  for (Tensor t : outputs) {
    double scale = 1;
    for (double x : plain.value(t).to_vector()) scale = std::max(scale, std::abs(x));
    BOOST_TEST(distance(planned.value(t), plain.value(t)) <= tolerance * scale);
  }
  return planned;
}

inline Tensor leaf(Tape& tape, const Shape& shape, std::uint64_t seed) {
  return tape.parameter(random_array(shape, DType::f64, seed));
}

/// Random choices for building a graph of matrices.
class Choices {
 public:
  explicit Choices(unsigned seed) : random_(seed) {}
  std::mt19937& random() { return random_; }
  std::size_t below(std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_);
  }
  /// One of the last five values.
  Tensor recent(const Tensors& values) {
    return values[values.size() - 1 - below(std::min<std::size_t>(values.size(), 5))];
  }
  /// A value of x's shape.
  Tensor like(Tensor x, const Tensors& values) {
    return fitting(values, [&](Tensor t) { return t.shape() == x.shape(); });
  }
  /// A right factor for x or x', to be used transposed or not. Empty if there is none.
  Tensor factor(Tensor x, bool transpose_x, bool transposed, const Tensors& values) {
    return fitting(values, [&](Tensor t) {
      return t.size(transposed ? 1 : 0) == x.size(transpose_x ? 0 : 1);
    });
  }

 private:
  template <class Fits>
  Tensor fitting(const Tensors& values, const Fits& fits) {
    Tensors found;
    for (Tensor t : values)
      if (fits(t)) found.push_back(t);
    return found.empty() ? Tensor{} : found[below(found.size())];
  }

  std::mt19937 random_;
};

}  // namespace twice::testing
