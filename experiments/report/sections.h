// Sections that the reports of several commands share.
#pragma once

#include <string>
#include <vector>

#include "experiments/report/record.h"

namespace twice {

/// "exact"; with the threads behind it when another row has the same method.
std::string row_label(const Json& row, const std::vector<Json>& rows);

/// The rows under the columns of columns.h, sortable.
std::string rows_table(const std::vector<Json>& rows);

/// What each used column means, to be opened.
std::string columns_legend(const std::vector<Json>& rows);

/// One swatch per row.
std::string rows_legend(const std::vector<Json>& rows);

/// Loss, test accuracy and gradient norm over epochs; "" when no row has a curve.
std::string learning_curves(const std::vector<Json>& rows);

/// Equation and convention of each method.
std::string methods_section(const std::vector<Json>& rows);

/// Machine and options.
std::string setup_section(const Json& record);

}  // namespace twice
