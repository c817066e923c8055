// What profile, compare, check_derivatives and explain return: a record, its text and its files.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "experiments/files/json.h"

namespace twice::experiments {

/// The result of a command: its record, its text and its files.
struct Report {
  /// As the command writes it to `--json` (docs/records.md).
  Json record = {};
  /// As the command prints it; tables are as wide as the screen.
  std::string text = {};
  /// Name and bytes of each file that the command writes to `--out`.
  std::vector<std::pair<std::string, std::string>> files = {};
  /// False when a check failed.
  bool ok = true;

  /// Writes the files into the folder, which is made if it is missing. All are on the disk before
  /// the first one takes its place; throws, naming the file, and leaves what was there when one
  /// cannot be written. Returns the paths.
  std::vector<std::filesystem::path> write(const std::filesystem::path& folder) const;
};

}  // namespace twice::experiments
