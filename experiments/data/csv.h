// A table as text, with one row for each example.
#pragma once

#include <string>
#include <vector>

#include "experiments/data/file_data.h"

namespace twice::experiments {

/// Reads a table (see `read_file_data`) from the text of `options.file`, all into the training
/// part: inputs f64, (n, columns); targets f64, (n): numbers, or positions in `class_names` where
/// these are words. Without `options.target` the target is the one column whose name, in lower
/// case, is among `usual_targets`. `separator`: ',' or '\t'.
DataSplit read_csv(std::string text, char separator, const FileDataOptions& options,
                   const std::vector<std::string>& usual_targets);

}  // namespace twice::experiments
