// The columns of a profile's tables: what each is called, what it means, how it is written. Tables,
// tooltips and the glossary read them from here.
#pragma once

#include "experiments/report/table.h"

namespace twice::experiments {

/// Of `rows` with their `gave_up` (profile_findings.h).
const std::vector<Column>& headline_columns();
/// Of `ops`, under the names of PyTorch's profiler.
const std::vector<Column>& op_columns();
/// Of `phases`.
const std::vector<Column>& phase_columns();
/// Of `layers`, and of `origins` where they have a `forward op`.
const std::vector<Column>& layer_columns();
/// Of `steps`.
const std::vector<Column>& step_columns();
/// Of `memory.at_peak`.
const std::vector<Column>& value_columns();

}  // namespace twice::experiments
