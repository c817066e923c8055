// Shared by the tests of fusion and of work in place: options, and a comparison, bit by bit, with a
// plan that does neither.
#pragma once

#include <fmt/core.h>

#include <string>
#include <vector>

#include "autodiff/plan/passes/fused_op.h"
#include "autodiff/profile/ledger.h"
#include "tests/ops/helpers.h"

namespace twice::testing {

/// All passes, with fusion and work in place as given.
inline PlanOptions options_with(bool fuse, bool in_place) {
  PlanOptions options;
  options.fuse = fuse;
  options.in_place = in_place;
  return options;
}

/// Options under which no pass rewrites the graph before fusion, so that the steps are predictable.
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

/// A description of the first error that fusion or computing in place makes on these outputs. Empty
/// if there is none.
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
