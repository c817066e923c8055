// `./twice profile --compare A.json B.json`: two reports beside each other. The files are
// report.json of `profile`, or any that google/benchmark wrote with repetitions.
#pragma once

#include <filesystem>

#include "experiments/files/record.h"

namespace twice::experiments {

/// The comparison of two reports, as it is printed and written; docs/records.md has its fields. Its
/// verdicts are `inconclusive`: how much the machine's speed changed between the two measurements
/// cannot be known. Throws UsageError, naming `a_name` or `b_name`, for a file that is no such
/// report, reports of different models or methods, and reports without a row in common.
Json compare_reports(const Json& a, const Json& b, const std::string& a_name,
                     const std::string& b_name);

/// Reads the files, prints their comparison and writes it to `json` unless that is empty. Returns
/// the exit status, 0.
int compare_profiles(const std::filesystem::path& a, const std::filesystem::path& b,
                     const std::filesystem::path& json);

}  // namespace twice::experiments
