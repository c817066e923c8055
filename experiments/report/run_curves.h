// Curves over epochs of settings with several seeds.
#pragma once

#include <string>
#include <vector>

#include "experiments/report/runs.h"

namespace twice::experiments {

/// Train loss, test accuracy and gradient norm over epochs: the best setting of each method, and
/// in views to choose the settings of each method. Every seed is a thin line, the mean over the
/// finished ones a bold one. "" when no run has an epoch.
std::string run_curves(const std::vector<RunSetting>& settings);

}  // namespace twice::experiments
