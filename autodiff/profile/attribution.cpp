#include "autodiff/profile/attribution.h"

#include <algorithm>

#include "autodiff/plan/passes/fused_op.h"

namespace twice {

std::vector<int> steps_of_forward_nodes(const Program& program) {
  std::vector<int> result;
  const auto computes = [&](int node, int step) {
    if (node >= std::ssize(result)) result.resize(static_cast<std::size_t>(node) + 1, -1);
    if (int& at = result[static_cast<std::size_t>(node)]; at < 0) at = step;
  };
  for (int s = 0; s < std::ssize(program.steps); ++s) {
    const Step& step = program.steps[static_cast<std::size_t>(s)];
    if (step.recorded == step.forward_origin) computes(step.recorded, s);
    // A forward node is its own origin. For members of later phases the index of the node is not
    // stored.
    if (const auto* fused = dynamic_cast<const FusedElementwise*>(step.op.get()))
      for (const FusedElementwise::Member& member : fused->members())
        if (member.phase == Phase::forward) computes(member.forward_origin, s);
  }
  return result;
}

bool mixed(const Step& step) {
  const auto* fused = dynamic_cast<const FusedElementwise*>(step.op.get());
  return fused && std::any_of(fused->members().begin(), fused->members().end(), [&](const auto& m) {
           return m.phase != step.phase || m.forward_origin != step.forward_origin;
         });
}

}  // namespace twice
