// The result of profile, compare, check_derivatives and explain: a record, its text and its files.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "experiments/files/json.h"

namespace twice::experiments {

/// The result of a command: its record, its text and its files.
struct Report {
  /// The record that the command writes to `--json` (docs/records.md).
  Json record = {};
  /// The text that the command prints. Tables are as wide as the screen.
  std::string text = {};
  /// Name and bytes of each file that the command writes to `--out`.
  std::vector<std::pair<std::string, std::string>> files = {};
  /// False if a check failed.
  bool ok = true;

  /// Writes the files into the folder, and makes the folder if it is missing. All files are on the
  /// disk before the first one takes its place. If a file cannot be written, throws an error with
  /// its name and leaves the old files unchanged. Returns the paths.
  std::vector<std::filesystem::path> write(const std::filesystem::path& folder) const;
};

}  // namespace twice::experiments
