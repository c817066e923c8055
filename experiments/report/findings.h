// What the numbers of a head-to-head say, in sentences. Each is made from the record alone and
// left out when the record lacks a number for it.
#pragma once

#include <string>
#include <vector>

#include "experiments/files/record.h"

namespace twice::experiments {

/// Cost, memory, accuracy of gradients, training results and counts, most important first.
std::vector<std::string> findings(const std::vector<Json>& rows, const Json& record);

/// The slope d log(error) / d log(eps) of the part of a sweep where the error is due to the
/// finite step: the median between neighbouring points at larger eps than the smallest error's,
/// each with an error over ten times that one and under 0.3. NaN when there are no two such points.
double error_slope(const std::vector<double>& epsilons, const std::vector<double>& errors);

/// One curve of `epsilon_sweep`, in order of eps.
struct EpsilonCurve {
  std::string method, dtype;
  std::vector<double> epsilons = {};
  std::vector<double> errors = {};      ///< of the whole gradient
  std::vector<double> hvp_errors = {};  ///< of its estimate of H g
};
std::vector<EpsilonCurve> epsilon_curves(const Json& record);

}  // namespace twice::experiments
