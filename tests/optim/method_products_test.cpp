// Tests the number of matrix products in a step of each method, counted over its program, against
// the laws in the table of methods. Merging common subexpressions removes no product, because no
// product is recorded twice.
#include <boost/test/unit_test.hpp>
#include <numeric>

#include "optim/gradient_regularization.h"
#include "tests/optim/problem.h"

using namespace twice;
using namespace twice::optim_test;

namespace {

/// The number of matrix products of one step with these passes.
int counted_products(int depth, const Method& m, const PlanOptions& options, Index batch) {
  Problem problem(depth, DType::f64, batch);
  const Estimate e = m([&](const Tensors& at) { return problem.loss(at); }, problem.w);
  const Plan plan({e.loss, e.gradient}, options);
  return std::accumulate(plan.program().steps.begin(), plan.program().steps.end(), 0,
                         [](int sum, const Step& step) { return sum + step.cost.products; });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(method_products)

BOOST_AUTO_TEST_CASE(products_equal_the_laws) {
  const PlanOptions& naive = method("exact-naive").plan;
  for (const Method& m : methods())
    for (int depth = 1; depth <= 6; ++depth) {
      const auto check = [&](const PlanOptions& options, Index batch, const ProductLaw& law) {
        const int counted = counted_products(depth, m, options, batch);
        BOOST_TEST(counted == law.products(depth),
                   m.name << ", depth " << depth << ", batch " << batch << ": " << counted
                          << " products, the law " << str(law) << " says " << law.products(depth));
      };
      check(no_passes(), 9, m.law);
      check(naive, 9, m.law);
      check(m.plan, 3, m.planned_law);
    }
  BOOST_TEST(str(method("sgd").law) == "3L - 1");
  BOOST_TEST(str(method("f-gr").law) == "6L - 2");
  BOOST_TEST(str(method("c-gr").law) == "9L - 3");
  BOOST_TEST(str(method("exact").law) == "9L - 5");
  BOOST_TEST(str(method("exact").planned_law) == "6L - 4");
  BOOST_TEST(str(method("exact-naive").law) == "9L - 5");
  BOOST_TEST(str(method("exact-naive").planned_law) == "9L - 5");
}

BOOST_AUTO_TEST_CASE(phases_tell_the_passes_apart) {
  const auto products_of = [](std::string_view name) {
    Problem problem(4);
    const Estimate e = method(name)([&](const Tensors& at) { return problem.loss(at); }, problem.w);
    const Plan plan({e.loss, e.plain, e.gradient}, no_passes());
    std::vector<int> products(phase_count);
    for (const Step& step : plan.program().steps)
      products[static_cast<std::size_t>(step.phase)] += step.cost.products;
    return products;
  };
  using Products = std::vector<int>;
  // The products in the phases forward, backward, double backward and update, for L = 4.
  BOOST_TEST((products_of("sgd") == Products{4, 7, 0, 0}));
  BOOST_TEST((products_of("f-gr") == Products{8, 14, 0, 0}));
  BOOST_TEST((products_of("exact") == Products{4, 7, 20, 0}));
  BOOST_TEST((products_of("exact-naive") == Products{4, 7, 20, 0}));
}

BOOST_AUTO_TEST_SUITE_END()
