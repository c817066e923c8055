// From numbers to a verdict. A claim is a number with its uncertainty and the range in which it
// must lie; it holds when the whole interval does. The verdict follows from the claims alone, so a
// study cannot say more than its numbers.
#pragma once

#include <string>
#include <vector>

#include "experiments/files/json.h"
#include "experiments/measure/statistics.h"

namespace twice::experiments {

/// The range in which a claim's value must lie. Ends may be infinite.
struct Range {
  double low, high;
};
Range at_most(double high);
Range at_least(double low);

/// What a claim's failure means.
enum class Weight {
  core,   ///< the study's claim is wrong
  limit,  ///< it does not hold everywhere
};

struct Claim {
  std::string claim;
  double value;
  Interval interval;
  /// What the interval is: `95 % over 5 seeds`.
  std::string uncertainty;
  Range expected;
  Weight weight = Weight::core;

  /// The whole interval is in the range. False when a number is NaN.
  bool holds() const;
};

/// A claim on the mean over seeds, with its 95 % interval, which is widened when it is one of
/// several `comparisons` on which something hangs together.
Claim on_mean(std::string claim, const std::vector<double>& values, Range expected,
              Weight weight = Weight::core, int comparisons = 1);
/// A claim on every one of the values, such as an identity's errors: the value is their median, the
/// interval runs from the smallest to the largest.
Claim on_all(std::string claim, const std::vector<double>& values, Range expected,
             Weight weight = Weight::core);

/// `not reproduced` when a core claim fails (or there is none), `reproduced within limits` when a
/// limit does, else `reproduced`.
std::string verdict(const std::vector<Claim>& claims);

Json to_json(const Claim& claim);

}  // namespace twice::experiments
