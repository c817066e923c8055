// What a step of each method costs in matrix products, counted over its program, against the laws
// that its table states. Merging common subexpressions removes no product: none is recorded twice.
#include <boost/test/unit_test.hpp>
#include <numeric>

#include "optim/gradient_regularization.h"
#include "tests/optim/problem.h"

using namespace twice;
using namespace twice::optim_test;

namespace {

/// Matrix products of one step, with or without common subexpressions merged.
int counted_products(int depth, const Method& m, bool merge) {
  Problem problem(depth);
  const Estimate e = m([&](const Tensors& at) { return problem.loss(at); }, problem.w);
  PlanOptions options;
  options.common_subexpressions = merge;
  const Plan plan({e.loss, e.plain, e.gradient}, options);
  return std::accumulate(plan.program().steps.begin(), plan.program().steps.end(), 0,
                         [](int sum, const Step& step) { return sum + step.cost.products; });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(method_products)

BOOST_AUTO_TEST_CASE(products_equal_the_laws) {
  for (const Method& m : methods())
    for (int depth = 1; depth <= 6; ++depth)
      for (bool merge : {false, true}) {
        const int counted = counted_products(depth, m, merge), law = m.law.products(depth);
        BOOST_TEST(counted == law, m.name << ", depth " << depth << ", merging " << merge << ": "
                                          << counted << " products, the law " << str(m.law)
                                          << " says " << law);
      }
  BOOST_TEST(str(method("sgd").law) == "3L - 1");
  BOOST_TEST(str(method("f-gr").law) == "6L - 2");
  BOOST_TEST(str(method("c-gr").law) == "9L - 3");
  BOOST_TEST(str(method("exact").law) == "9L - 5");
  BOOST_TEST(str(method("exact-naive").law) == "9L - 5");
}

BOOST_AUTO_TEST_CASE(phases_tell_the_passes_apart) {
  const auto products_of = [](std::string_view name) {
    Problem problem(4);
    const Estimate e = method(name)([&](const Tensors& at) { return problem.loss(at); }, problem.w);
    const Plan plan{e.loss, e.plain, e.gradient};
    std::vector<int> products(phase_count);
    for (const Step& step : plan.program().steps)
      products[static_cast<std::size_t>(step.phase)] += step.cost.products;
    return products;
  };
  using Products = std::vector<int>;
  // forward, backward, double backward, update; L = 4
  BOOST_TEST((products_of("sgd") == Products{4, 7, 0, 0}));
  BOOST_TEST((products_of("f-gr") == Products{8, 14, 0, 0}));
  BOOST_TEST((products_of("exact") == Products{4, 7, 20, 0}));
  BOOST_TEST((products_of("exact-naive") == Products{4, 7, 20, 0}));
}

BOOST_AUTO_TEST_SUITE_END()
