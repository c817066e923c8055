// `twice report DIR`: one page for all records that a folder holds.
#pragma once

#include <filesystem>

namespace twice::experiments {

/// Writes DIR/report.html, and runs.csv and curves.csv of its runs. The page is an index, and a
/// section for each record of `compare`, `sweep`, `study` and `bench` in DIR and the folders in it,
/// for each folder of `train`, and, when there are several that belong to no sweep, for all those
/// together. The runs of a sweep are in its section. JSON files that no command of twice wrote are
/// left out. A file that cannot be read, or is no valid JSON, is named with the reason in the page
/// and on stderr. Throws `[report] ...` when DIR is no folder or holds no record that can be shown.
void write_report(const std::filesystem::path& folder);

}  // namespace twice::experiments
