// Whose time it was: the steps of a program grouped by op, by phase, or by the forward op that they
// were derived from. Every grouping is a partition, so its times and counts add up to the whole.
//
// A fused step (plan/passes/fused_op.h) holds nodes of several ops, perhaps of several forward ops.
// It is counted whole for the value that it stores, its last member's: one step has one place in
// every table. `mixed` finds those steps, so that a report can say how much time this rule moves.
#pragma once

#include <string>

#include "autodiff/plan/program.h"

namespace twice {

/// Steps with something in common; `name` says what.
struct StepGroup {
  std::string name;
  /// The tape node of the forward op; -1 in other groupings.
  int forward_node = -1;
  /// Indices into Program::steps, in order.
  std::vector<int> steps;
};

/// In the order in which each op runs first.
std::vector<StepGroup> steps_by_op(const Program& program);
/// In the order of Phase; phases without steps are left out.
std::vector<StepGroup> steps_by_phase(const Program& program);
/// In the order of the tape: a forward op and everything that was derived from it. Named by the op,
/// or by the leaf where that has none.
std::vector<StepGroup> steps_by_forward_op(const Program& program);

/// The step in which a node of the tape is computed, for each node that has one: by itself, or as a
/// member of a fused step. -1 where it was rewritten away, is a view or a leaf.
std::vector<int> steps_of_forward_nodes(const Program& program);

/// True for a fused step with members of several phases or forward ops.
bool mixed(const Step& step);

}  // namespace twice
