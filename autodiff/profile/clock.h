// The clock: how long each step of a program takes, over many runs. A run fills a row of clock
// readings that was allocated beforehand, one reading between two steps; all statistics come later.
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <vector>

namespace twice {

using ClockReading = std::chrono::steady_clock::time_point;

class StepTimes {
 public:
  /// For runs of `steps` steps, up to `most_runs` of them.
  StepTimes(std::size_t steps, std::size_t most_runs);

  /// Where the next run puts its readings: steps + 1 of them. Allocates nothing; throws when
  /// `most_runs` are there already.
  std::span<ClockReading> next_run();

  std::size_t steps() const { return steps_; }
  std::size_t runs() const { return runs_; }
  /// Seconds of one step in one run.
  double seconds(std::size_t run, std::size_t step) const;
  /// From before the first step until after the last one: the sum of the steps' seconds.
  double total(std::size_t run) const;
  /// One step in every run, sorted.
  std::vector<double> sorted(std::size_t step) const;

 private:
  const ClockReading& reading(std::size_t run, std::size_t k) const {
    return readings_[run * (steps_ + 1) + k];
  }

  std::size_t steps_, runs_ = 0;
  std::vector<ClockReading> readings_;
};

/// Seconds that one reading of the clock takes, measured now.
double clock_reading_seconds();

}  // namespace twice
