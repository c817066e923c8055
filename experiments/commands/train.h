// `./twice train`: one run of one model with one method. A run writes checkpoints, so it can be
// killed at any moment and resumed to the same bits.
#pragma once

#include "experiments/run/options.h"

namespace twice::experiments {

struct TrainOptions {
  RunOptions run;
  bool resume = false, fresh = false;
  /// Steps between checkpoints. 0 means checkpoints only after epochs.
  int checkpoint_every = 0;
};

void declare_train(OptionSet& set, TrainOptions& options);

/// Writes to --out: checkpoint.safetensors and train.json after each epoch, or after several short
/// ones, and report.html at the end. With --resume, the options come from the checkpoint. A given
/// option that differs is an error, except for --threads and for more --epochs, which lengthen the
/// run. Returns the exit status.
int train(TrainOptions options);

}  // namespace twice::experiments
