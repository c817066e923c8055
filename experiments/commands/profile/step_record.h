// The profiled training step: the times of its parts, its record and the tables that sum them up.
#pragma once

#include "autodiff/profile/clock.h"
#include "autodiff/profile/peak.h"
#include "experiments/files/record.h"
#include "experiments/measure/cost.h"
#include "experiments/measure/our_step.h"

namespace twice::experiments {

/// A training step run again and again, in turn with clock readings between its parts and without.
struct StepMeasurement {
  /// The program's steps, then the optimiser's update.
  StepTimes times;
  /// Wall time of each run with readings and of each run without, in milliseconds.
  std::vector<double> timed, untimed;
};

/// For about `seconds`, in rounds as of `timed_in_turns`: one run of each kind.
StepMeasurement measure_steps(OurStep& step, double seconds, const TimingProgress& progress);

/// `steps`, `ops`, `phases`, `layers`, `origins`, `memory` and `attribution` of the record
/// (docs/records.md). All tables are sums of the same parts, so they add up to the same whole.
Json step_record(const OurStep& step, const StepMeasurement& measured, const Peak& peak);

}  // namespace twice::experiments
