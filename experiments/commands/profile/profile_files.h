// The files of a cost report, all made from its record alone.
#pragma once

#include <filesystem>

#include "experiments/files/record.h"

namespace twice::experiments {

/// Writes report.html, report.json, ops.csv, trace.json, stacks.txt and roofline.svg into the
/// folder, which exists. All of them are made and on the disk, in a folder of their own, before the
/// first one takes its place; throws, naming the file, and leaves what was there when one cannot
/// be.
void write_profile_files(const Json& record, const std::filesystem::path& folder);

}  // namespace twice::experiments
