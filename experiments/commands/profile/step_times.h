// The steps of the profiled program on one time line, in whole nanoseconds: what trace and stacks
// are made of, so that rounding neither overlaps two steps nor loses time.
#pragma once

#include <cmath>

#include "experiments/files/record.h"

namespace twice::experiments {

struct StepTime {
  Json step;
  long long begin_ns, end_ns;
};

/// The record's `steps`, each from the sum of the times before it to the sum with its own.
inline std::vector<StepTime> step_times(const Json& record) {
  std::vector<StepTime> times;
  double sum_ms = 0;
  long long end = 0;
  for (const Json& step : objects(member(record, "steps"))) {
    const double ms = number(step, "ms");
    sum_ms += std::isfinite(ms) ? ms : 0;
    const long long begin = end;
    end = std::llround(sum_ms * 1e6);
    times.push_back({step, begin, end});
  }
  return times;
}

}  // namespace twice::experiments
