// The steps of a program and the forward ops that they come from.
//
// A fused step (plan/passes/fused_op.h) may hold nodes of several phases and forward ops. Reports
// count the whole step for the value that it stores, which is that of its last member. `mixed`
// finds such steps, so that a report can state how much time this rule assigns.
#pragma once

#include <vector>

#include "autodiff/plan/program.h"

namespace twice {

/// For each tape node, the step that computes it, alone or as a member of a fused step. -1 if the
/// node is a leaf or a view, or if a pass removed it.
std::vector<int> steps_of_forward_nodes(const Program& program);

/// True for a fused step with members of several phases or forward ops.
bool mixed(const Step& step);

}  // namespace twice
