// Derivative checks of any function (such as your own op), of a problem with its methods, and, as
// `./twice check`, of every op or of random graphs.
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

/// Checks any function, such as an op or a loss as a function of its weights, by the checks of
/// check/derivatives.h. The report has a row for each check, with `name` as its `op`.
///
///     const Report report = check_derivatives(
///         "my op", [](const Tensors& x) { return my_op(x[0]); },
///         {Array::from(std::vector<double>{1, 2}, {2})});
///     fmt::print("{}", report.text);
///     return report.ok ? 0 : 1;
Report check_derivatives(const std::string& name, const Function& f,
                         const std::vector<Array>& inputs, const CheckOptions& options = {});

/// Checks the derivatives of a problem's loss with respect to the weights, on the first batch. Also
/// checks the gradients of the methods that are exact or use finite differences. For other methods,
/// only compares the gradients planned with all passes and with none. Always computes in f64.
Report check_derivatives(const Problem& problem,
                         const std::vector<std::string>& methods = {"exact", "f-gr", "b-gr",
                                                                    "c-gr"},
                         const CheckOptions& options = {});

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

/// Called after each op or graph with its rows.
using CheckProgress = std::function<void(const std::vector<CheckRow>&)>;

/// Checks the ops whose name contains `filter`. An empty `filter` selects all ops. Throws if no op
/// matches.
std::vector<CheckRow> check_ops(std::string_view filter = {}, const CheckOptions& options = {},
                                const CheckProgress& progress = {});

/// Checks `count` random graphs (random_graphs.h) of consecutive seeds, starting at the seed in
/// `options`. The label of a row is the graph's seed and size.
std::vector<CheckRow> check_graphs(int count, const CheckOptions& options = {},
                                   const CheckProgress& progress = {});

/// The rows for any function.
std::vector<CheckRow> check_rows(const std::string& name, const Function& f,
                                 const std::vector<Array>& inputs, const CheckOptions& options = {},
                                 const std::string& label = {});

/// True if no check failed.
template <class Row>
bool all_ok(const std::vector<Row>& rows) {
  return std::ranges::all_of(rows, &Row::ok);
}

/// A table with a line for each op and mode, which holds the largest error of each order; then each
/// failed check with its position and both numbers; then `N checks, M failed`.
std::string check_report(const std::vector<CheckRow>& rows);

}  // namespace twice::experiments
