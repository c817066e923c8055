// Tests that every grouping of a program's steps is a partition with the counts of the cost ledger,
// and that derivatives are grouped under their forward op.
#include "autodiff/profile/attribution.h"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <set>

#include "autodiff/derive/grad.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/power.h"
#include "autodiff/plan/passes/fused_op.h"
#include "autodiff/profile/ledger.h"
#include "tests/profile/steps.h"

using namespace twice;
using namespace twice::testing;

namespace {

void check_partition(const Program& program, const std::vector<StepGroup>& groups) {
  std::vector<int> seen(program.steps.size(), 0);
  Cost sum;
  for (const StepGroup& group : groups) {
    BOOST_TEST(!group.steps.empty());
    BOOST_TEST(std::is_sorted(group.steps.begin(), group.steps.end()));
    for (int s : group.steps) {
      ++seen[static_cast<std::size_t>(s)];
      sum += program.steps[static_cast<std::size_t>(s)].cost;
    }
  }
  BOOST_TEST(std::count(seen.begin(), seen.end(), 1) == std::ssize(seen));
  const Cost total = ledger(program).total();
  BOOST_TEST(sum.flops == total.flops, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(sum.bytes == total.bytes, boost::test_tools::tolerance(1e-12));
  BOOST_TEST(sum.products == total.products);
  BOOST_TEST(sum.small_products == total.small_products);
}

/// The sum of the squares of x W, with its gradient and H v by reverse over reverse, as recorded.
struct TwoProducts {
  Tape tape;
  Tensor x = tape.constant(Array::filled({3, 4}, DType::f64, 0.5));
  Tensor w = tape.parameter(Array::filled({4, 5}, DType::f64, 0.25), "w");
  Tensor u = tape.parameter(Array::filled({5, 2}, DType::f64, 0.75), "u");
  Tensor first = matmul(x, w), h = tanh(first), second = matmul(h, u);
  Tensor loss = sum(square(second));
  Tensors g = grad(loss, {w, u}), hv = grad(g, {w, u}, g);
};

}  // namespace

BOOST_AUTO_TEST_SUITE(profile_attribution)

BOOST_AUTO_TEST_CASE(groupings_are_partitions) {
  for_each_step([](const OurStep& step) {
    BOOST_TEST_CONTEXT(step.method().name) {
      const Program& program = step.plan().program();
      for (const auto& groups :
           {steps_by_op(program), steps_by_phase(program), steps_by_forward_op(program)})
        check_partition(program, groups);
    }
  });
}

BOOST_AUTO_TEST_CASE(phases_are_those_of_the_ledger) {
  for_each_step([](const OurStep& step) {
    const Program& program = step.plan().program();
    const Ledger costs = ledger(program);
    for (const StepGroup& group : steps_by_phase(program)) {
      const Phase phase = program.steps[static_cast<std::size_t>(group.steps[0])].phase;
      BOOST_TEST(group.name == str(phase));
      BOOST_TEST(std::ssize(group.steps) == costs.steps[static_cast<std::size_t>(phase)]);
      double flops = 0;
      for (int s : group.steps) flops += program.steps[static_cast<std::size_t>(s)].cost.flops;
      BOOST_TEST(flops == costs[phase].flops, boost::test_tools::tolerance(1e-12));
    }
  });
}

BOOST_AUTO_TEST_CASE(derivatives_are_grouped_with_the_forward_op_they_come_from) {
  TwoProducts t;
  const Plan plan({t.loss, t.g, t.hv}, no_passes());
  const Program& program = plan.program();
  for (Tensor product : {t.first, t.second}) {
    const auto groups = steps_by_forward_op(program);
    const auto group = std::find_if(groups.begin(), groups.end(), [&](const StepGroup& g) {
      return g.forward_node == product.index();
    });
    BOOST_REQUIRE(group != groups.end());
    BOOST_TEST(group->name == "matmul");
    // The group has the product, its gradients with respect to the inputs (x is constant), and the
    // derivatives of those gradients.
    int products[phase_count] = {};
    for (int s : group->steps) {
      const Step& step = program.steps[static_cast<std::size_t>(s)];
      products[static_cast<int>(step.phase)] += step.cost.products;
    }
    const bool is_first = product == t.first;
    BOOST_TEST(products[static_cast<int>(Phase::forward)] == 1);
    BOOST_TEST(products[static_cast<int>(Phase::backward)] == (is_first ? 1 : 2));
    BOOST_TEST(products[static_cast<int>(Phase::double_backward)] > 0);
  }
}

BOOST_AUTO_TEST_CASE(a_forward_op_is_found_in_the_step_that_computes_it) {
  TwoProducts t;
  for (const bool planned : {false, true}) {
    const Plan plan({t.loss, t.g, t.hv}, planned ? PlanOptions{} : no_passes());
    const std::vector<int> steps = steps_of_forward_nodes(plan.program());
    for (Tensor node : {t.first, t.h, t.second}) {
      const int s = steps.at(static_cast<std::size_t>(node.index()));
      BOOST_REQUIRE(s >= 0);
      const Step& step = plan.program().steps[static_cast<std::size_t>(s)];
      const auto* fused = dynamic_cast<const FusedElementwise*>(step.op.get());
      BOOST_TEST((step.recorded == node.index() ||
                  (fused && std::any_of(fused->members().begin(), fused->members().end(),
                                        [&](const FusedElementwise::Member& m) {
                                          return m.forward_origin == node.index();
                                        }))));
    }
    // No step computes a leaf.
    BOOST_TEST(steps.at(static_cast<std::size_t>(t.w.index())) == -1);
  }
}

BOOST_AUTO_TEST_CASE(mixed_steps_are_fused_ones_with_members_from_elsewhere) {
  bool found = false;
  for_each_step([&](const OurStep& step) {
    for (const Step& s : step.plan().program().steps) {
      const auto* fused = dynamic_cast<const FusedElementwise*>(s.op.get());
      std::set<std::pair<Phase, int>> origins;
      if (fused)
        for (const FusedElementwise::Member& m : fused->members())
          origins.emplace(m.phase, m.forward_origin);
      BOOST_TEST(mixed(s) == (origins.size() > 1));
      found = found || mixed(s);
      // The step is attributed by the value that it stores.
      if (fused) {
        BOOST_TEST(fused->members().back().forward_origin == s.forward_origin);
        BOOST_TEST((fused->members().back().phase == s.phase));
      }
    }
  });
  BOOST_TEST(found);
}

BOOST_AUTO_TEST_SUITE_END()
