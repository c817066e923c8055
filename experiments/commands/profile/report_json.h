// report.json: the record in the layout of google/benchmark's JSON, so that its tools read it.
#pragma once

#include "experiments/files/record.h"

namespace twice::experiments {

/// `context` and `benchmarks` as google/benchmark writes them (docs/user_guide.md and
/// src/json_reporter.cc there), one family of repetitions for each row of the record with mean,
/// median, stddev (of the sample, n - 1) and cv behind; and the record itself under `twice`.
///
/// A repetition is one sample of the row, `iterations` 1. `cpu_time`, which other tools require, is
/// not measured: it repeats `real_time`, and the context says so.
Json report_json(const Json& record);

}  // namespace twice::experiments
