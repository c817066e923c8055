// The columns of the head-to-head, in one place: what each is called, what it means, how its
// numbers are written. Screen, report and legend all read them from here.
#pragma once

#include <string>
#include <vector>

#include "experiments/files/record.h"
#include "experiments/report/table.h"

namespace twice::experiments {

struct Column {
  std::string key;  ///< the field of a record's row
  std::string heading;
  std::string meaning;            ///< one or two sentences, for tooltip and legend
  std::string (*format)(double);  ///< null for text
  bool on_screen = true;          ///< false: in the report only
};

/// Columns of the rows of `compare` and `train`.
const std::vector<Column>& run_columns();

/// What a row shows under a column, "-" when it has none.
std::string cell_text(const Column& column, const Json& row);

/// Rows as a table for the terminal. Columns that no row has are left out.
Table screen_table(const std::vector<Column>& columns, const std::vector<Json>& rows);
/// The rows of a record of `compare` or `train`.
Table run_table(const Json& record);

/// True when at least one row has something under the column.
bool is_used(const Column& column, const std::vector<Json>& rows);

}  // namespace twice::experiments
