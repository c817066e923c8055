// The tables of a profile: the columns that page, tooltips, glossary and terminal share.
#pragma once

#include "experiments/report/table.h"

namespace twice::experiments {

/// The columns of a list of the record: of `rows` with their `gave_up`; of `ops`, under the names
/// of PyTorch's profiler; of `phases`; of `layers`, also those of `origins`; of `steps`; of
/// `at_peak`. The last three have a `forward_op` as text. Of all of them for "".
std::vector<Column> profile_columns(const std::string& table);

/// `rows` of the record, each with `gave_up`: how it differs from the exact result, which is by
/// rounding alone, an error, the penalty, or the objective itself.
std::vector<Json> headline_rows(const Json& record);

/// A profile on the terminal: the same columns as on the page, as many as fit.
void print_profile(const Json& record);

}  // namespace twice::experiments
