// Heat maps of a sweep.
#pragma once

#include <string>
#include <vector>

#include "experiments/report/runs.h"

namespace twice::experiments {

/// For each quantity that is no cost, to choose from: a heat map for each method (and each
/// combination of the options besides the two) of its mean over seeds, all on one scale of colours:
/// over gamma and epsilon where both vary, else over the first two axes that do. "" when fewer than
/// two vary.
std::string run_maps(const RunSet& set, const std::vector<RunSetting>& settings);

}  // namespace twice::experiments
