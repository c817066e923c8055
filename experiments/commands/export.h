// `./twice export`: writes a step's arrays as safetensors, for checks by other programs.
// docs/records.md, "The export file", lists the names.
#pragma once

#include "experiments/run/options.h"

namespace twice::experiments {

struct ExportOptions {
  RunOptions run;
  /// A checkpoint of `train` that provides parameters and buffers.
  std::string checkpoint;
  /// Also write the graph of the loss, next to the arrays.
  bool graph = false;
};

void declare_export(OptionSet& set, ExportOptions& options);

/// Writes MODEL.safetensors to the folder --out, or the file --out if its name ends in
/// .safetensors. The graph has the same name with the ending .json.
int export_step(ExportOptions options);

}  // namespace twice::experiments
