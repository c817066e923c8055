// `./twice profile --compare A.json B.json`: what got faster or slower between two reports, by a
// rank test on the single steps' times. The files are report.json of `profile`, or any that
// google/benchmark wrote with repetitions.
#pragma once

#include <filesystem>

#include "experiments/report/record.h"

namespace twice {

/// Chance of even one false alarm among all rows of a comparison, were the steps' times
/// independent.
inline constexpr double compare_level = 0.05;

/// The comparison of two reports, as it is printed and written; docs/records.md has its fields. A
/// row is `faster` or `slower` when its p-value, corrected for the number of rows, is below the
/// level and the whole interval of its ratio is more than `margin` away from 1. Throws UsageError,
/// naming `a_name` or `b_name`, for what is no such report, reports of different models or methods,
/// and reports without a row in common.
Json compare_reports(const Json& a, const Json& b, const std::string& a_name,
                     const std::string& b_name, double margin);

/// Reads the files, prints their comparison and writes it to `json` unless that is empty. Returns
/// the exit status, 0 whatever the verdicts are.
int compare_profiles(const std::filesystem::path& a, const std::filesystem::path& b,
                     const std::filesystem::path& json, double margin);

}  // namespace twice
