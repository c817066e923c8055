// What the grid of the study on generalization found, and the tables and plots made of it.
#pragma once

#include "experiments/studies/generalization_run.h"
#include "experiments/studies/planned.h"

namespace twice::experiments {

struct GridAxes {
  Vector gammas, epsilons;
};

struct Explored {
  Arena arena;
  GridAxes axes;
  std::vector<GridSetting> grid;
  /// runs[setting][seed]
  std::vector<std::vector<GeneralizationRun>> runs;
  /// The setting chosen on validation: of SGD, exact, F-GR, B-GR.
  std::vector<std::size_t> chosen;
  /// ends[method][seed]: runs of the chosen settings with other seeds, with curvature.
  std::vector<std::vector<GeneralizationRun>> ends;
  /// Of the runs with gamma = 0: |test loss / SGD's - 1|.
  Vector zero_errors;
};

/// Test accuracy of each seed, in percent.
Vector accuracies(const std::vector<GeneralizationRun>& seeds);

void describe(const Explored& e, StudyResult& result);

}  // namespace twice::experiments
