// The profiled step in the record: its steps one by one, the tables that sum them up, and the
// memory over them. docs/records.md has all fields.
#pragma once

#include "experiments/commands/profile/parts.h"

namespace twice::experiments {

/// `steps`, `ops`, `phases`, `layers`, `origins`, `memory` and `attribution` of the record.
Json step_record(const ProfiledStep& profiled);

// Its parts:

/// `layers`: of each node of the tape (layers.h).
Json steps_record(const ProfiledStep& profiled, const std::vector<Part>& parts,
                  const std::vector<std::string>& layers, const Sums& sums);
/// `memory`: what is known before anything runs, and what the optimiser remembers.
Json memory_record(const ProfiledStep& profiled, const std::vector<std::string>& layers);

/// A forward op as steps and values name it: its node, op and shape, and the step that computes it.
Json forward_record(const Tape& tape, int node, const std::vector<int>& step_of_node);

}  // namespace twice::experiments
