// What a training step of each method costs: counted from its program, and timed with
// the methods taking turns, so that a drift of the machine's speed meets them all alike.
#pragma once

#include "autodiff/profile/ledger.h"
#include "experiments/run/trainer.h"

namespace twice {

/// The value below which the share `q` of sorted samples, of which there is at least one, lies.
double quantile(const std::vector<double>& sorted, double q);

struct StepCost {
  std::string method;
  /// Milliseconds of a step: the program and the optimiser's update.
  double ms = 0, ms_min = 0, ms_spread = 0;  ///< median, least, interquartile range
  int samples = 0;
  Ledger ledger;
  double peak_mib = 0;
};

/// Times steps of all methods in turn: `seconds` in all, at least 5 rounds. `progress` hears the
/// seconds since its last call.
std::vector<StepCost> step_costs(const Problem& problem, const std::vector<const Method*>& methods,
                                 double seconds, const std::function<void(double)>& progress);

}  // namespace twice
