// Explains the plan of a program pass by pass, and lists its steps. Available as a function and as
// `./twice explain`.
#pragma once

#include "experiments/report/result.h"
#include "experiments/run/recording.h"

namespace twice::experiments {

/// The settings of `explain`.
struct ExplainSettings {
  PlanOptions passes = {};
  /// Omit the list of steps.
  bool brief = false;
  /// Also make the page report.html, for which Graphviz must be installed: the graph after each
  /// pass, with the values of a run on `bindings` where they are given and the graph is small.
  bool html = false;
  std::vector<Binding> bindings = {};
  /// The name of the program on the page.
  std::string name = "program";
};

/// Explains the program that `Plan{outputs}` runs. Prints the nodes, products, GFLOP and memory
/// before and after each pass, and the cost by phase. Then prints every step with its op and
/// inputs, the forward op and scope that it belongs to, and the place of its value in the arena.
Report explain(std::initializer_list<Tensors> outputs, const ExplainSettings& settings = {});

}  // namespace twice::experiments
