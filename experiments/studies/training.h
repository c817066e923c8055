// Whole training runs on the handwritten digits, for the studies that need trained networks.
#pragma once

#include "experiments/run/trainer.h"
#include "experiments/studies/study.h"

namespace twice::experiments {

/// A tanh, relu, ... mlp on the digits: batch 64, momentum 0.9, cosine schedule from 0.05, float32.
RunOptions digits_run(const std::string& activation, Index width, int epochs, std::uint64_t seed);

/// The steps of such a run, which `train_run` adds to the progress.
double steps_of(const Problem& problem);

struct TrainedRun {
  /// NaN when the run diverged.
  double test_accuracy, test_loss, train_loss, gradient_norm;
  /// After each epoch; missing ones are NaN.
  std::vector<double> test_accuracies;
  /// Where the run ended; not kept in journals.
  ModelState state;

  static void json_fields(auto& self, const auto& visit) {
    visit("test_accuracy", self.test_accuracy);
    visit("test_loss", self.test_loss);
    visit("train_loss", self.train_loss);
    visit("gradient_norm", self.gradient_norm);
    visit("test_accuracies", self.test_accuracies);
  }
};

TrainedRun train_run(StudyContext& context, const Problem& problem, const Method& method);

}  // namespace twice::experiments
