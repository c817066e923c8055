// Predictions of the time of each step of a program without running it. The parts are: the kernel,
// timed alone on random numbers; the data, moved at the rate (peak.h) of their reuse distance,
// which is counted from the program (reuse.h); the start of the step; and threads that wait.
#pragma once

#include <functional>
#include <string>

#include "autodiff/profile/peak.h"
#include "autodiff/profile/reuse.h"

namespace twice {

/// Seconds of one step or of several, in parts that add up to the whole.
struct Prediction {
  /// The kernel alone, without its data and its waiting, with the work shared by all threads.
  double compute = 0;
  /// Reading and writing the data, by the level that the data come from.
  std::array<double, cache_levels> data{};
  /// Starting: the step's code, arguments and tables have left the caches since its last run.
  double overhead = 0;
  /// The time with several threads beyond the time of one thread divided by their number: serial
  /// parts, uneven tiles, starting and ending loops.
  double waiting = 0;

  /// The sum of `data`.
  double memory() const;
  /// The sum of all parts.
  double seconds() const { return compute + memory() + overhead + waiting; }
  /// Adds each part of another prediction.
  Prediction& operator+=(const Prediction& other);
};

/// A part and its name: `compute`, `L1`, `L2`, `L3`, `memory`, `overhead` or `waiting`.
struct Limit {
  std::string name;
  double seconds;
};
/// All parts of a prediction.
std::vector<Limit> parts_of(const Prediction& prediction);
/// The largest part.
Limit limit_of(const Prediction& prediction);

/// Work after the program in every cycle: the optimiser's update.
struct Update {
  std::vector<Region> touched;
  /// Does the same work on other arrays of the same shapes.
  std::function<void()> alone;
};

/// One prediction for each step of the program, and a last one for the update if there is one, with
/// the current number of threads. `peak` must have been measured with the same number. Each kernel
/// is timed alone, with all threads and with one, for a few milliseconds, once for all steps that
/// run it on the same shapes. No step of the program runs, and its leaves are not read.
std::vector<Prediction> predict(const Program& program, const Peak& peak,
                                const Update& update = {});

}  // namespace twice
