// `./twice check`: options, and the check of a whole model with its methods.
#pragma once

#include "experiments/run/options.h"

namespace twice::experiments {

struct CheckCommandOptions {
  RunOptions run;
  /// Only ops whose name contains this.
  std::string op;
  int order = 3;
  /// Random graphs to check, or to write.
  int graphs = 0;
  /// Write the cases there instead of checking them.
  std::string write;
  OptionWords given;
};

void declare_check(OptionSet& set, CheckCommandOptions& options);

/// Checks every op and measures the errors of elementwise ones, or checks random graphs, or, when a
/// model or method is named, that model's loss to third order and each method's gradient; all in
/// f64. Exit status 1 when a check fails. With `write` nothing is checked: the ops and graphs
/// become files (cases.h) for checking elsewhere.
int check(CheckCommandOptions options);

}  // namespace twice::experiments
