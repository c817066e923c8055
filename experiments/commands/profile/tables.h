// The tables of a profile on page and terminal. Their columns: report/columns.txt.
#pragma once

#include "experiments/report/table.h"

namespace twice::experiments {

/// The elements of a list of the record as its table shows them: `rows` with `gave_up`, which says
/// how the result differs from the exact one (by rounding alone, an error, the penalty, or the
/// objective itself); `steps` and `origins` longest first; those and `at_peak` with a `forward_op`.
std::vector<Json> table_rows(const Json& record, const std::string& list);

/// Of a plan, whose record has no method.
bool is_plan(const Json& record);
/// What was profiled: "step of exact", or "run of NAME".
std::string profiled(const Json& record);

/// The levels that data come from, nearest first, and their fields in `peak`.
const std::vector<std::pair<std::string, std::string>>& data_levels();

/// The milliseconds of a row.
std::string ms_text(const Json& row);

/// A profile for the terminal: the same columns as on the page, as many as fit.
std::string profile_text(const Json& record);

}  // namespace twice::experiments
