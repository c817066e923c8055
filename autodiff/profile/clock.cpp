#include "autodiff/profile/clock.h"

#include <algorithm>
#include <limits>

#include "autodiff/array/error.h"

namespace twice {

namespace {

double seconds_between(ClockReading a, ClockReading b) {
  return std::chrono::duration<double>(b - a).count();
}

}  // namespace

StepTimes::StepTimes(std::size_t steps, std::size_t most_runs)
    : steps_(steps), readings_(most_runs * (steps + 1)) {}

std::span<ClockReading> StepTimes::next_run() {
  const std::size_t row = steps_ + 1;
  if ((runs_ + 1) * row > readings_.size())
    fail("clock", "there is room for only {} runs", readings_.size() / row);
  return std::span(readings_).subspan(runs_++ * row, row);
}

double StepTimes::seconds(std::size_t run, std::size_t step) const {
  return seconds_between(reading(run, step), reading(run, step + 1));
}

double StepTimes::total(std::size_t run) const {
  return seconds_between(reading(run, 0), reading(run, steps_));
}

std::vector<double> StepTimes::sorted(std::size_t step) const {
  std::vector<double> result;
  for (std::size_t run = 0; run < runs_; ++run) result.push_back(seconds(run, step));
  std::sort(result.begin(), result.end());
  return result;
}

double clock_reading_seconds() {
  constexpr int blocks = 10, readings = 1000;
  double fastest = std::numeric_limits<double>::infinity();
  for (int block = 0; block < blocks; ++block) {
    const ClockReading start = std::chrono::steady_clock::now();
    ClockReading last = start;
    for (int i = 0; i < readings; ++i) last = std::chrono::steady_clock::now();
    fastest = std::min(fastest, seconds_between(start, last) / readings);
  }
  return fastest;
}

}  // namespace twice
