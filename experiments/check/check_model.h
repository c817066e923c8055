// `./twice check`: options, and the check of a whole model with its methods.
#pragma once

#include "experiments/run/options.h"

namespace twice {

struct CheckCommandOptions {
  RunOptions run;
  /// Only ops whose name contains this.
  std::string op;
  int order = 3;
  /// Set while parsing: a model or a method was named.
  const CLI::App* app = nullptr;
};

void add_check_options(CLI::App& app, CheckCommandOptions& options);

/// Checks every op, or, when a model or method is named, that model's loss to third order and
/// each method's gradient; all in f64. Exit status 1 when a check fails.
int check(CheckCommandOptions options);

}  // namespace twice
