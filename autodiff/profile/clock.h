// Times of the steps of a program over many runs. A run only stores clock readings, one before the
// first step and one after each step, in memory that was allocated before. Statistics are computed
// later.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <vector>

namespace twice {

/// A reading of the clock.
using ClockReading = std::chrono::steady_clock::time_point;

/// The clock readings of a number of runs.
class StepTimes {
 public:
  /// Reserves memory for `most_runs` runs of `steps` steps.
  StepTimes(std::size_t steps, std::size_t most_runs);

  /// The memory for the readings of the next run, steps + 1 of them. Allocates nothing; throws if
  /// `most_runs` runs are stored already.
  std::span<ClockReading> next_run();

  /// The number of steps.
  std::size_t steps() const { return steps_; }
  /// The number of runs stored.
  std::size_t runs() const { return runs_; }
  /// Seconds of one step in one run.
  double seconds(std::size_t run, std::size_t step) const;
  /// Seconds of a whole run: the sum over its steps.
  double total(std::size_t run) const;
  /// The seconds of one step in all runs, sorted.
  std::vector<double> sorted(std::size_t step) const;

 private:
  const ClockReading& reading(std::size_t run, std::size_t k) const {
    return readings_[run * (steps_ + 1) + k];
  }

  std::size_t steps_, runs_ = 0;
  std::vector<ClockReading> readings_;
};

/// Seconds that one reading of the clock takes, measured at the call: the fastest of ten means,
/// because other work on the machine may stop one.
double clock_reading_seconds();

}  // namespace twice
