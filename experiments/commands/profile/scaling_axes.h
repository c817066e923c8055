// Around a model: which of its numbers are varied, and where.
#pragma once

#include "experiments/run/options.h"

namespace twice::experiments {

/// One number of the options that is varied.
struct Axis {
  std::string name;
  Index base;
  /// Where times are taken, ascending, `base` among them; where counts are.
  std::vector<Index> timed, counted;
};

inline constexpr const char* threads_axis = "threads";

/// Depth and width of an mlp, channels and for a resnet depth of the others; batch; threads. `o` is
/// complete, and the threads in effect are those of the run.
std::vector<Axis> axes_of(const RunOptions& o);

/// The options with that number set.
RunOptions varied(RunOptions options, const std::string& axis, Index value);

}  // namespace twice::experiments
