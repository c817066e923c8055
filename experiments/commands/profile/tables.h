// The tables of a profile on the page and on the terminal. report/columns.txt defines their
// columns.
#pragma once

#include "experiments/report/table.h"

namespace twice::experiments {

/// The elements of a list of the record, as its table shows them. `rows` get `gave_up`, which
/// describes the difference from the exact result: rounding, an error, the penalty, or another
/// objective. `steps` and `origins` are sorted by decreasing time. Both, and `at_peak`, get a
/// `forward_op`.
std::vector<Json> table_rows(const Json& record, const std::string& list);

/// True for the record of a plan, which has no method.
bool is_plan(const Json& record);
/// The profiled program: "step of exact", or "run of NAME".
std::string profiled(const Json& record);

/// The levels of memory from the nearest to the farthest, and their fields in `peak`.
const std::vector<std::pair<std::string, std::string>>& data_levels();

/// The milliseconds of a row.
std::string ms_text(const Json& row);

/// A profile for the terminal, with as many of the page's columns as fit.
std::string profile_text(const Json& record);

}  // namespace twice::experiments
