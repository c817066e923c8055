// `./twice export`: a step's numbers as safetensors, for checking elsewhere. Names:
//
//   NAME              each parameter and buffer, as the model names it: linear1.weight
//   images, labels    the batch: (batch, height, width, channels), standardised; class numbers
//   loss              mean cross-entropy in training mode: a scalar, shape ()
//   grad.NAME         its gradient
//   hvp.NAME          H g: the Hessian times that gradient
//   METHOD.NAME       the gradient that the method gives to the optimiser
//
// Layouts are in nn/models.h; `__metadata__` repeats them with the model and all options. With
// --graph the recorded loss is written too, as a graph (graph_file.h) whose leaves are named above.
#pragma once

#include "experiments/run/options.h"

namespace twice::experiments {

struct ExportOptions {
  RunOptions run;
  /// A checkpoint of `train` to take parameters and buffers from.
  std::string checkpoint;
  /// Write the graph of the loss beside the numbers.
  bool graph = false;
};

void declare_export(OptionSet& set, ExportOptions& options);

/// Writes MODEL.safetensors to --out, or the file that --out names when it ends in .safetensors;
/// the graph has the same name, but ends in .json.
int export_step(ExportOptions options);

}  // namespace twice::experiments
