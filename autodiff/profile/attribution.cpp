#include "autodiff/profile/attribution.h"

#include <algorithm>
#include <functional>

#include "autodiff/plan/passes/fused_op.h"

namespace twice {

namespace {

/// One group for each name, in order of appearance.
std::vector<StepGroup> grouped(const Program& program,
                               const std::function<StepGroup(const Step&)>& group_of) {
  std::vector<StepGroup> groups;
  for (int s = 0; s < std::ssize(program.steps); ++s) {
    const StepGroup wanted = group_of(program.steps[static_cast<std::size_t>(s)]);
    auto group = std::find_if(groups.begin(), groups.end(), [&](const StepGroup& g) {
      return g.forward_node == wanted.forward_node && g.name == wanted.name;
    });
    if (group == groups.end()) group = groups.insert(groups.end(), wanted);
    group->steps.push_back(s);
  }
  return groups;
}

}  // namespace

std::vector<StepGroup> steps_by_op(const Program& program) {
  return grouped(program, [](const Step& step) {
    return StepGroup{std::string(step.op->name()), -1, {}};
  });
}

std::vector<StepGroup> steps_by_phase(const Program& program) {
  std::vector<StepGroup> groups;
  for (int phase = 0; phase < phase_count; ++phase) {
    StepGroup group{std::string(str(static_cast<Phase>(phase))), -1, {}};
    for (int s = 0; s < std::ssize(program.steps); ++s)
      if (program.steps[static_cast<std::size_t>(s)].phase == static_cast<Phase>(phase))
        group.steps.push_back(s);
    if (!group.steps.empty()) groups.push_back(std::move(group));
  }
  return groups;
}

std::vector<StepGroup> steps_by_forward_op(const Program& program) {
  std::vector<StepGroup> groups = grouped(program, [](const Step& step) {
    return StepGroup{
        step.forward_op ? std::string(step.forward_op->name()) : "leaf", step.forward_origin, {}};
  });
  std::stable_sort(groups.begin(), groups.end(), [](const StepGroup& a, const StepGroup& b) {
    return a.forward_node < b.forward_node;
  });
  return groups;
}

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
