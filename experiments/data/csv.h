// Reads a table from text, with one row per example.
#pragma once

#include <string>
#include <vector>

#include "experiments/data/file_data.h"

namespace twice::experiments {

/// Reads a table (see `read_file_data`) from the text of `options.file` into the training part.
/// Inputs are f64 of shape (n, columns). Targets are f64 of shape (n): numbers or, if the column
/// holds words, positions in `class_names`. Without `options.target`, the target is the one column
/// whose name, in lower case, is among `usual_targets`. `separator` is ',' or '\t'.
DataSplit read_csv(std::string text, char separator, const FileDataOptions& options,
                   const std::vector<std::string>& usual_targets);

}  // namespace twice::experiments
