// How the cost of a derivative grows: the chosen model made deeper, wider, fed with larger batches
// and given more threads, one at a time, with the laws that the measured points follow.
#pragma once

#include <functional>

#include "experiments/files/record.h"
#include "experiments/run/recording.h"

namespace twice::experiments {

/// One number of the options that is varied.
struct Axis {
  std::string name;
  Index base;
  /// Where times are taken, ascending, `base` among them; where counts are.
  std::vector<Index> timed, counted;
};

/// Depth and width of an mlp, channels and for a resnet depth of the others; batch; threads. `o` is
/// complete, and the threads in effect are those of the run.
std::vector<Axis> axes_of(const RunOptions& o);

/// Times steps of `sgd`, `f-gr`, `exact` and `method`, taking turns, at a few points around the
/// problem's model on random numbers of its data's shape, about `seconds` in all; counts products
/// and FLOPs of many more points without running them. docs/records.md has the fields of the
/// result. Points that would take too long are left out and listed. Leaves the number of threads
/// as it was. `progress` hears the seconds since its last call.
Json measure_scaling(const Problem& problem, const std::string& method, double seconds,
                     const std::function<void(double)>& progress);

}  // namespace twice::experiments
