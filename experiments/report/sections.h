// Sections that the reports of several commands share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "experiments/files/record.h"
#include "experiments/report/columns.h"

namespace twice::experiments {

/// "exact"; with the threads behind it when another row has the same method.
std::string row_label(const Json& row, const std::vector<Json>& rows);

/// The rows under the columns that they use, sortable.
std::string rows_table(const std::vector<Json>& rows,
                       const std::vector<Column>& columns = run_columns());

/// What each used column means, to be opened.
std::string columns_legend(const std::vector<Json>& rows,
                           const std::vector<Column>& columns = run_columns());

/// One swatch per row.
std::string rows_legend(const std::vector<Json>& rows);

/// Loss, test accuracy and gradient norm over epochs; "" when no row has a curve.
std::string learning_curves(const std::vector<Json>& rows);

/// Equation and convention of each method.
std::string methods_section(const std::vector<Json>& rows);

/// Machine and options.
std::string setup_section(const Json& record);

/// A record of `train`: what was trained, its result, its learning curves.
std::string train_section(const Json& record, std::string_view title, std::string_view id);

}  // namespace twice::experiments
