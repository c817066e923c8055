// Tables of a set of runs: a row for each setting, and a row for each run.
#pragma once

#include <string>
#include <vector>

#include "experiments/report/runs.h"

namespace twice::experiments {

std::string settings_table(const RunSet& set, const std::vector<RunSetting>& settings);
std::string runs_table(const RunSet& set, const std::vector<RunSetting>& settings);

}  // namespace twice::experiments
