// `./twice train`: one run of one model with one method, with checkpoints, so that it can
// be killed at any moment and resumed to the same bits.
#pragma once

#include "experiments/run/options.h"

namespace twice::experiments {

struct TrainOptions {
  RunOptions run;
  bool resume = false, fresh = false;
  /// Steps between checkpoints; 0: at the end of each epoch. One is always written there.
  int checkpoint_every = 0;
  OptionWords given;
};

void declare_train(OptionSet& set, TrainOptions& options);

/// Writes to --out: checkpoint.safetensors, train.json after each epoch, report.html at the end.
/// With --resume the options are those of the checkpoint; one that is given and differs is a
/// mistake, but for --threads and for more --epochs, which make the run longer. Returns the exit
/// status.
int train(TrainOptions options);

}  // namespace twice::experiments
