// `./twice check`: derivative checks of every op, of random graphs, or of a whole model with its
// methods, as a table for people and as JSON rows for programs.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "autodiff/check/derivatives.h"
#include "experiments/files/json.h"
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

/// One check of one case of the op table, or of a model.
struct CheckRow : CheckResult {
  std::string op;
  std::string label;

  static void json_fields(auto& self, const auto& visit) {
    visit("op", self.op);
    visit("label", self.label);
    visit("check", self.check);
    visit("order", self.order);
    visit("error", self.error);
    visit("tolerance", self.tolerance);
    visit("step", self.step);
    visit("input", self.input);
    visit("entry", self.entry);
    visit("engine", self.engine);
    visit("reference", self.reference);
    visit("ok", self.ok);
  }
};

/// Called after each op or graph, with its rows.
using CheckProgress = std::function<void(const std::vector<CheckRow>&)>;

/// Checks the ops whose name contains `filter` (all when it is empty); throws when none does.
std::vector<CheckRow> check_ops(std::string_view filter = {}, const CheckOptions& options = {},
                                const CheckProgress& progress = {});

/// Checks `count` random graphs (random_graphs.h), whose seeds begin with that of the options. A
/// row's label is the seed and the graph's size.
std::vector<CheckRow> check_graphs(int count, const CheckOptions& options = {},
                                   const CheckProgress& progress = {});

/// Checks any function, such as the loss of a model by its parameters: a row has `name` as its op.
std::vector<CheckRow> check_function(const std::string& name, const Function& f,
                                     const std::vector<Array>& inputs,
                                     const CheckOptions& options = {},
                                     const std::string& label = {});

/// True when every check passed.
template <class Row>
bool all_ok(const std::vector<Row>& rows) {
  return std::all_of(rows.begin(), rows.end(), [](const Row& row) { return row.ok; });
}

/// A table with a line for each op and mode, and in it the worst error of each order; then each
/// failed check with its place and both numbers; then `N checks, M failed`.
std::string check_report(const std::vector<CheckRow>& rows);

}  // namespace twice::experiments
