// Measures how the cost of a derivative grows with the depth and width of the chosen model, the
// batch and the threads, one change at a time. Fits laws to the measured points.
#pragma once

#include <functional>

#include "experiments/files/record.h"
#include "experiments/run/recording.h"

namespace twice::experiments {

/// One numeric option that varies.
struct Axis {
  std::string name;
  Index base;
  /// `timed` holds the values at which times are measured, in ascending order and with `base` among
  /// them. `counted` holds the values at which costs are counted.
  std::vector<Index> timed, counted;
};

/// The axes of a model: depth and width for an mlp, channels for the other models, and depth for a
/// resnet; also batch and threads. `o` must be complete, and the threads in effect must be those of
/// the run.
std::vector<Axis> axes_of(const RunOptions& o);

/// Times steps of `sgd`, `f-gr`, `exact` and `method` in turn for about `seconds` in all. The steps
/// run at a few points around the problem's model, on random numbers of its data's shape. Also
/// counts products and FLOPs at many more points without running them. docs/records.md lists the
/// fields of the result. Points that would take too long are left out and listed. The number of
/// threads is the same afterwards. `progress` receives the seconds since its last call.
Json measure_scaling(const Problem& problem, const std::string& method, double seconds,
                     const std::function<void(double)>& progress);

}  // namespace twice::experiments
