// `./twice export`: a step's numbers as safetensors, for checking elsewhere. docs/records.md, "The
// export file", has the names.
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
