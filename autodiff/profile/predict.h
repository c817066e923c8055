// Predicts the time of each step of a program that has not run. The parts are its kernel, timed
// alone on random numbers; its data, at the rate (peak.h) of their distance, which is counted from
// the program (reuse.h); starting the step; and waiting threads.
#pragma once

#include <functional>
#include <string>

#include "autodiff/profile/peak.h"
#include "autodiff/profile/reuse.h"

namespace twice {

/// Seconds of one step or of several. They add up to the whole.
struct Prediction {
  /// What the kernel alone takes beside its data and its waiting, shared by all threads.
  double compute = 0;
  /// Reading and writing the data from where they lie: by cache level.
  std::array<double, cache_levels> data{};
  /// Starting: code, arguments and tables of the step have left the caches since it ran before.
  double overhead = 0;
  /// What several threads take beyond one thread's time over their number: parts that one thread
  /// computes alone, uneven tiles, starting and ending loops.
  double waiting = 0;

  double memory() const;
  double seconds() const { return compute + memory() + overhead + waiting; }
  Prediction& operator+=(const Prediction& other);
};

/// A part by its name: `compute`, `L1`, `L2`, `L3`, `memory`, `overhead` or `waiting`.
struct Limit {
  std::string name;
  double seconds;
};
std::vector<Limit> parts_of(const Prediction& prediction);
/// The largest part.
Limit limit_of(const Prediction& prediction);

/// Work that follows the program in every cycle: the optimiser's update.
struct Update {
  std::vector<Region> touched;
  /// Does the same work on other arrays of the same shapes.
  std::function<void()> alone;
};

/// One prediction for each step of the program and, last, of the update where there is one, with
/// the threads now in effect; `peak` was measured with as many. Each kernel is timed alone, once
/// for all steps that run it on the same shapes, a few milliseconds each: with these threads, and
/// with one. No step of the program runs; its leaves are not read.
std::vector<Prediction> predict(const Program& program, const Peak& peak,
                                const Update& update = {});

}  // namespace twice
