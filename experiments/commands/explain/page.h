// The page of `explain --html`: the graph after each pass, drawn by Graphviz, with the values of
// one run.
#pragma once

#include <string>
#include <vector>

#include "autodiff/plan/plan.h"
#include "experiments/files/json.h"

namespace twice::experiments {

/// The graph after a pass, with the pass's row in the table of passes.
struct Stage {
  Json row;
  Graph graph;
};

struct ExplainedProgram {
  std::string name;
  /// The paragraph under the heading.
  std::string words;
  std::vector<Stage> stages;
  Tensors outputs;
  /// Empty: no values are shown.
  std::vector<Binding> bindings;
};

/// The part of the page that belongs to one program, the `index`-th. Throws where Graphviz cannot
/// be started.
std::string explain_section(const ExplainedProgram& program, std::size_t index);
std::string explain_html(const Json& record, const std::string& sections);

}  // namespace twice::experiments
