// The folder that a command writes to: made and tried before the work starts, so that an
// unwritable one costs nobody an hour.
#pragma once

#include <filesystem>

#include "experiments/files/json.h"

namespace twice {

/// Creates the folder (with its parents) and writes and removes a small file in it. Throws
/// `[out] cannot write to PATH: reason`.
std::filesystem::path prepare_folder(const std::filesystem::path& folder);

/// The same test for a file that will be written at the end; "" is allowed and means none.
void prepare_file(const std::filesystem::path& file);

/// Writes a record, indented, atomically. NaN and infinities become null.
void write_json(const std::filesystem::path& file, const Json& record);

}  // namespace twice
