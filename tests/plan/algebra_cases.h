// What the tests of the passes that calculate with products share: counts, and the comparison with
// a plan without passes.
#pragma once

#include <boost/test/unit_test.hpp>

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

/// The plan with all passes; its values are compared with those of the plan without any.
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

inline Tensor leaf(Tape& tape, const Shape& shape, std::uint64_t seed, DType dtype = DType::f64) {
  return tape.parameter(random_array(shape, dtype, seed));
}

}  // namespace twice::testing
