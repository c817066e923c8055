// `./twice explain`: the plan of one training step, pass by pass, and its steps.
#pragma once

#include "experiments/run/options.h"

namespace twice::experiments {

struct ExplainOptions {
  RunOptions run;
  bool brief = false;
};

void declare_explain(OptionSet& set, ExplainOptions& options);

/// Prints for each pass the nodes, products, GFLOP and memory before and after; then the cost by
/// phase; then, unless `brief`, every step: its op and inputs, the forward op that it belongs to,
/// and the place of its value in the arena.
int explain(ExplainOptions options);

}  // namespace twice::experiments
