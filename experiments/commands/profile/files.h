// Writes the files of a cost report from its record alone, and compares two reports.
#pragma once

#include <filesystem>

#include "experiments/files/record.h"

namespace twice::experiments {

/// Name and contents of report.html, report.json, ops.csv, trace.json, stacks.txt and roofline.svg.
std::vector<std::pair<std::string, std::string>> profile_files(const Json& record);

/// report.json: the record as `twice`, with `context` and `benchmarks` in the format of
/// google/benchmark (docs/user_guide.md and src/json_reporter.cc there). Each row of the record
/// becomes one family of repetitions, followed by its mean, median, stddev (of the sample, n - 1)
/// and cv.
///
/// A repetition is one sample of the row, with `iterations` 1. Other tools require `cpu_time`,
/// which is not measured. It repeats `real_time`, and the context says so.
Json report_json(const Json& record);

/// ops.csv: one line for each of the record's `ops`, sorted by decreasing self time, with all
/// digits. The columns have the names of torch.profiler's key_averages().table(), followed by
/// counts and bounds. Unknown numbers are empty. The format is RFC 4180, but lines end with a
/// newline alone.
std::string ops_csv(const Json& record);

/// stacks.txt, the input format of flamegraph.pl, inferno and speedscope. Each different stack has
/// a line `method;phase;layer;op NANOSECONDS`, in the order in which the stacks first run. The sum
/// of all lines is the time of the program's steps.
std::string collapsed_stacks(const Json& record);

/// trace.json: one step of the profiled program in the Trace Event Format of chrome://tracing,
/// which Perfetto reads too. The whole step and each phase have a lane (thread). Each step of the
/// program is a complete event (X) with its costs as arguments. The arena's live bytes are a
/// counter (C). Flow arrows (s, f) lead from the step of a forward op to every later step derived
/// from that op, such as its backward and double backward. The times are the medians of the timed
/// runs, placed one after another from 0. `ts` and `dur` are in microseconds.
Json chrome_trace(const Json& record);

/// Compares two report.json of `profile`, or any two files that google/benchmark wrote with
/// repetitions. Returns the comparison as a record, whose fields docs/records.md lists. All
/// verdicts are `inconclusive`, because the change of the machine's speed between the two
/// measurements is unknown. Throws UsageError with `a_name` or `b_name` if a file is not such a
/// report, if the reports are of different models or methods, or if they have no row in common.
Json compare_reports(const Json& a, const Json& b, const std::string& a_name,
                     const std::string& b_name);

/// `./twice profile --compare A.json B.json`: reads the files, prints their comparison, and writes
/// it to `json` unless that is empty. Returns the exit status 0.
int compare_profiles(const std::filesystem::path& a, const std::filesystem::path& b,
                     const std::filesystem::path& json);

}  // namespace twice::experiments
