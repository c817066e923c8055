// The models of a grid before anything runs: whether they can be made, and what an epoch of each
// run costs, counted, so that a sweep over different models knows how far it is.
#pragma once

#include <map>
#include <string>

#include "experiments/commands/sweep/grid.h"
#include "experiments/files/json.h"
#include "experiments/run/recording.h"

namespace twice::experiments {

/// The options that decide about a model, or with `steps` about the cost of its steps: runs that
/// agree in them are alike.
std::string cost_key(const Json& config, bool steps);

/// Floating-point operations of the planned steps of one epoch, in those of f32: in f64 a vector
/// holds half as many numbers.
double epoch_flops(const Problem& problem, const Method& method);

/// The cost of an epoch by `cost_key(config, true)`.
using EpochCosts = std::map<std::string, double>;

/// Makes each different model once, on its data, for the errors that train would find. With
/// `count_flops` it plans each method's step, too; else there are no costs.
EpochCosts check_models(const Grid& grid, bool count_flops = false);

}  // namespace twice::experiments
