// The files of a cost report, all made from its record alone; two of them compared.
#pragma once

#include <filesystem>

#include "experiments/files/record.h"

namespace twice::experiments {

/// Name and bytes of report.html, report.json, ops.csv, trace.json, stacks.txt and roofline.svg.
std::vector<std::pair<std::string, std::string>> profile_files(const Json& record);

/// report.json: the record under `twice`, with `context` and `benchmarks` as google/benchmark
/// writes them (docs/user_guide.md and src/json_reporter.cc there), one family of repetitions for
/// each row of the record with mean, median, stddev (of the sample, n - 1) and cv behind.
///
/// A repetition is one sample of the row, `iterations` 1. `cpu_time`, which other tools require, is
/// not measured: it repeats `real_time`, and the context says so.
Json report_json(const Json& record);

/// ops.csv: one line for each of the record's `ops`, longest self time first, all digits, under the
/// names of torch.profiler's key_averages().table(), then counts and bounds. Unknown numbers are
/// empty. Lines as in RFC 4180, ended by a newline alone.
std::string ops_csv(const Json& record);

/// stacks.txt, the input format of flamegraph.pl, inferno and speedscope: a line
/// `method;phase;layer;op NANOSECONDS` for each different stack, in the order in which they first
/// run; the sum of all is the time of the program's steps.
std::string collapsed_stacks(const Json& record);

/// trace.json: one step of the profiled program in the Trace Event Format of chrome://tracing,
/// which Perfetto reads too. A lane (thread) for each phase and one for the whole step; a complete
/// event (X) for each step of the program with its costs as arguments; the arena's live bytes as a
/// counter (C); and flow arrows (s, f) from the step of a forward op to every later step that it
/// spawned: its backward, its double backward. Times are the medians of the timed runs, one after
/// another from 0; `ts` and `dur` are in microseconds.
Json chrome_trace(const Json& record);

/// The comparison of two report.json of `profile`, or of any files that google/benchmark wrote with
/// repetitions, as it is printed and written; docs/records.md has its fields. Its verdicts are
/// `inconclusive`: how much the machine's speed changed between the two measurements cannot be
/// known. Throws UsageError, naming `a_name` or `b_name`, for a file that is no such report,
/// reports of different models or methods, and reports without a row in common.
Json compare_reports(const Json& a, const Json& b, const std::string& a_name,
                     const std::string& b_name);

/// `./twice profile --compare A.json B.json`: reads the files, prints their comparison and writes
/// it to `json` unless that is empty. Returns the exit status, 0.
int compare_profiles(const std::filesystem::path& a, const std::filesystem::path& b,
                     const std::filesystem::path& json);

}  // namespace twice::experiments
