// Tests that forward ops are found in the steps of a program, and that mixed steps are recognised.
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
#include "tests/profile/steps.h"

using namespace twice;
using namespace twice::testing;

namespace {

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
