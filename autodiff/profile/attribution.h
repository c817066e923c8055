// Groupings of the steps of a program: by op, by phase, or by the forward op that the steps were
// derived from. Each step is in exactly one group, so times and counts add up to the total.
//
// A fused step (plan/passes/fused_op.h) may hold nodes of several ops and forward ops. The whole
// step counts for the value that it stores, which is that of its last member. `mixed` finds such
// steps. A report can then state how much time this rule assigns.
#pragma once

#include <string>

#include "autodiff/plan/program.h"

namespace twice {

/// Steps with a common property, which `name` gives.
struct StepGroup {
  std::string name;
  /// The tape index of the forward node; -1 in other groupings.
  int forward_node = -1;
  /// Indices into Program::steps, in order.
  std::vector<int> steps;
};

/// The steps of each op, in the order in which the ops first run.
std::vector<StepGroup> steps_by_op(const Program& program);
/// The steps of each phase, in the order of Phase. Phases without steps are left out.
std::vector<StepGroup> steps_by_phase(const Program& program);
/// The steps of each forward op and its derivatives, in the order of the tape. The name is that of
/// the op, or of the leaf if there is no op.
std::vector<StepGroup> steps_by_forward_op(const Program& program);

/// For each tape node, the step that computes it, alone or as a member of a fused step. -1 if the
/// node is a leaf or a view, or if a pass removed it.
std::vector<int> steps_of_forward_nodes(const Program& program);

/// True for a fused step with members of several phases or forward ops.
bool mixed(const Step& step);

}  // namespace twice
