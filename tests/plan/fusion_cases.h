// What the tests of fusion and of work in place share: options, and the comparison with a plan that
// does neither, bit by bit.
#pragma once

#include <fmt/core.h>

#include <string>
#include <vector>

#include "autodiff/plan/passes/fused_op.h"
#include "autodiff/profile/ledger.h"
#include "tests/ops/helpers.h"

namespace twice::testing {

/// All passes, but for fusion and work in place, which are as given.
inline PlanOptions options_with(bool fuse, bool in_place) {
  PlanOptions options;
  options.fuse = fuse;
  options.in_place = in_place;
  return options;
}

/// No pass rewrites the graph before fusion, so that the steps are those that a test expects.
inline PlanOptions fusion_only() {
  PlanOptions options = no_passes();
  options.common_subexpressions = options.fuse = options.reuse_memory = options.in_place = true;
  return options;
}
inline PlanOptions in_place_only() {
  PlanOptions options = fusion_only();
  options.fuse = false;
  return options;
}

/// What is wrong with fusion or work in place on these outputs; empty when nothing is.
inline std::string complaint(const Tensors& outputs, std::span<const Binding> inputs = {}) {
  Plan plain({outputs}, options_with(false, false));
  plain.run(inputs);
  for (const auto& [fuse, in_place] : {std::pair{true, false}, {false, true}, {true, true}}) {
    Plan plan({outputs}, options_with(fuse, in_place));
    plan.run(inputs);
    plan.run();
    for (Tensor t : outputs)
      if (!same_bits(plan.value(t), plain.value(t)))
        return fmt::format("node {} differs with fusion {}, in place {}", t.index(), fuse,
                           in_place);
  }
  return {};
}

inline std::vector<std::string> step_names(const Plan& plan) {
  std::vector<std::string> names;
  for (const Step& step : plan.program().steps) names.emplace_back(step.op->name());
  return names;
}

inline double bytes_moved(const Tensors& outputs, const PlanOptions& options) {
  return ledger(Plan({outputs}, options).program()).total().bytes;
}

}  // namespace twice::testing
