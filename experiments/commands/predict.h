// `./twice predict` and `./twice evaluate`: apply a trained model to examples.
#pragma once

#include "experiments/app/option_set.h"

namespace twice::experiments {

struct PredictOptions {
  /// The folder of a run, or a checkpoint.
  std::string run;
  bool best = false;
  /// A file or a data set. Empty: the test examples of the run's data.
  std::string data;
  int threads = 0;
  std::string out, json;
};

void declare_predict(OptionSet& set, PredictOptions& options);
/// Writes a row for each example to --out. Returns the exit status.
int predict(PredictOptions options);

void declare_evaluate(OptionSet& set, PredictOptions& options);
/// Prints the metrics. For at most 20 classes, also prints the confusion matrix.
int evaluate_run(PredictOptions options);

}  // namespace twice::experiments
