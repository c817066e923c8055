// `twice report DIR`: one page for all records that a folder holds.
#pragma once

#include <filesystem>
#include <string>

#include "experiments/report/record.h"

namespace twice {

/// The section of a record of `train`: what was trained, its result, its learning curves.
std::string train_section(const Json& record, std::string_view title, std::string_view id);

/// Writes DIR/report.html, with a section for each record of `compare` and `train` in DIR and the
/// folders in it. JSON files of other kinds are left out. Throws `[report] ...` when DIR is no
/// folder or holds no such record. A file that is no valid JSON is named in the page, which is
/// written all the same, and then in the error that is thrown.
void write_report(const std::filesystem::path& folder);

}  // namespace twice
