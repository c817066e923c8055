// What a training step of each method costs: counted from its program, and timed with
// the methods taking turns, so that a drift of the machine's speed meets them all alike.
#pragma once

#include "autodiff/profile/ledger.h"
#include "experiments/run/trainer.h"

namespace twice::experiments {

struct StepCost {
  std::string method;
  /// Milliseconds of a step: the program and the optimiser's update.
  double ms = 0, ms_min = 0, ms_spread = 0;  ///< median, least, interquartile range
  int samples = 0;
  Ledger ledger;
  double peak_mib = 0;
};

/// Hears the seconds since its last call.
using TimingProgress = std::function<void(double)>;

/// Milliseconds of each call of each of `work`, which take turns until `seconds` are over: at least
/// `least_rounds` of them, at most `most_rounds`, and fewer only when a stop is requested.
inline constexpr int least_rounds = 5, most_rounds = 400;
std::vector<std::vector<double>> timed_in_turns(const std::vector<std::function<void()>>& work,
                                                double seconds, const TimingProgress& progress);

/// Times steps of all methods in turn.
std::vector<StepCost> step_costs(const Problem& problem, const std::vector<const Method*>& methods,
                                 double seconds, const TimingProgress& progress);

}  // namespace twice::experiments
