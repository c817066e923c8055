// Measuring a profile: the steps of one training step, timed one by one, and the memory of each of
// the headline's programs.
#pragma once

#include "autodiff/profile/clock.h"
#include "experiments/commands/profile/programs.h"
#include "experiments/measure/steps.h"

namespace twice::experiments {

/// A training step run again and again, in turn with clock readings between its parts and without.
struct StepMeasurement {
  /// The program's steps, then the optimiser's update.
  StepTimes times;
  /// Wall time of each run with readings and of each run without, in seconds.
  std::vector<double> timed, untimed;

  /// Median milliseconds of each step.
  std::vector<double> median_ms() const;
};

/// For about `seconds`, at least `least_rounds` runs of each kind, at most `most_rounds`; fewer
/// when a stop is requested.
StepMeasurement measure_steps(OurStep& step, double seconds, const TimingProgress& progress);

/// Memory that a row's program takes, in MiB.
struct RowMemory {
  /// Everything, batch, parameters and the optimiser's memory included: `memory_rise` of making it
  /// and running it twice.
  double all = 0;
  /// What its first run takes beyond what is there when it is made: its arena, if the kernels take
  /// no memory of their own.
  double arena = 0;
};

/// Measured by this program started anew, on random numbers of the problem's shape.
RowMemory row_memory(const Problem& problem, const RowKind& kind);

/// In that process: two numbers as text, for a request that `row_memory` made.
std::string row_memory_here(const std::string& request);

}  // namespace twice::experiments
