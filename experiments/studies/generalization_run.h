// One training of the study on generalization: a subset of a data set's images to train on, others
// of them to choose settings by, and the test set, which is looked at once, at the end.
#pragma once

#include "experiments/run/recording.h"
#include "experiments/studies/study.h"

namespace twice::experiments {

/// A model on a data set.
struct Arena {
  std::string model, data;
  std::string name() const { return model + " on " + data; }
};

/// One method with its constants; `sgd` uses none.
struct GridSetting {
  std::string method;
  double gamma = 0, epsilon = 0;
};

/// A data set in memory, cut anew for each seed.
class ImagePool {
 public:
  explicit ImagePool(const std::string& data);

  /// `train` random training images of the data set; in the place of the test set `validation`
  /// others of them. The same for every method of a seed.
  DataSplit draw(std::uint64_t seed, Index train, Index validation) const;
  const Dataset& test() const { return all_.test; }
  Index size() const { return all_.train.size(); }

 private:
  DataSplit all_;
};

struct GeneralizationRun {
  /// After each epoch: accuracy on the validation images, and CPU time of the steps so far.
  std::vector<double> validation, seconds;
  /// On the test set, at the end; NaN when the run diverged, as everything below.
  double test_accuracy, test_loss, train_accuracy, gradient_norm;
  /// Of the Hessian of the loss on 256 training images (batch normalisation by this batch): the
  /// largest eigenvalue, how far from it a true one may be, the trace, its standard error.
  /// NaN unless asked for.
  double top, top_residual, trace, trace_error;

  static void json_fields(auto& self, const auto& visit) {
    visit("validation", self.validation);
    visit("seconds", self.seconds);
    visit("test_accuracy", self.test_accuracy);
    visit("test_loss", self.test_loss);
    visit("train_accuracy", self.train_accuracy);
    visit("gradient_norm", self.gradient_norm);
    visit("top", self.top);
    visit("top_residual", self.top_residual);
    visit("trace", self.trace);
    visit("trace_error", self.trace_error);
  }
};

/// The options of a run in this arena, from the study's settings.
RunOptions generalization_options(const StudyContext& context, const Arena& arena,
                                  std::uint64_t seed);

/// Trains by the study's settings (docs: the study's set-up) and evaluates.
GeneralizationRun generalization_run(StudyContext& context, const ImagePool& pool,
                                     const Arena& arena, const GridSetting& setting,
                                     std::uint64_t seed, bool curvature);

/// Steps of such a run, which it adds to the progress.
double generalization_steps(const StudyContext& context);

}  // namespace twice::experiments
