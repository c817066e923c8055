// Derivative checks: of any function, such as an op of one's own; of a problem with its methods;
// and as `./twice check`, of every op or of random graphs.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "autodiff/check/derivatives.h"
#include "experiments/report/result.h"
#include "experiments/run/problem.h"

namespace twice::experiments {

/// Checks any function, such as an op or a loss of its weights, by the checks of
/// check/derivatives.h: a row of the record for each, of which `name` is the `op`.
///
///     const Report report = check_derivatives("my op", [](const Tensors& x) { return my_op(x[0]);
///     },
///                                             {Array::from(std::vector<double>{1, 2}, {2})});
///     fmt::print("{}", report.text);
///     return report.ok ? 0 : 1;
Report check_derivatives(const std::string& name, const Function& f,
                         const std::vector<Array>& inputs, const CheckOptions& options = {});

/// Checks the loss of a problem by its weights on its first batch, and of the methods that are
/// exact or finite differences their gradients; in f64, whatever the options say.
Report check_derivatives(const Problem& problem,
                         const std::vector<std::string>& methods = {"exact", "f-gr", "b-gr",
                                                                    "c-gr"},
                         const CheckOptions& options = {});

/// The options of `./twice check`.
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

/// Declares the options of `./twice check`.
void declare_check(OptionSet& set, CheckCommandOptions& options);

/// Checks every op and measures the errors of elementwise ones, or checks random graphs, or, when a
/// model or method is named, that model's loss to third order and each method's gradient; all in
/// f64. Exit status 1 when a check fails. With `write` nothing is checked: the ops and graphs
/// become files (cases.h) for checking elsewhere.
int run_check(CheckCommandOptions options);

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

/// The rows of any function.
std::vector<CheckRow> check_rows(const std::string& name, const Function& f,
                                 const std::vector<Array>& inputs, const CheckOptions& options = {},
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
