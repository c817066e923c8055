// The body of `./twice check`: derivative checks of every op, or of a whole model, as a table for
// people and as JSON rows for programs.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "autodiff/check/derivatives.h"
#include "experiments/files/json.h"

namespace twice::experiments {

/// One check of one row of the op table, or of a model.
struct CheckRow : CheckResult {
  std::string op;
  std::string label;
};

/// Called after each op or model, with its rows.
using CheckProgress = std::function<void(const std::vector<CheckRow>&)>;

/// Checks the ops whose name contains `filter` (all when it is empty); throws when none does.
std::vector<CheckRow> check_ops(std::string_view filter = {}, const CheckOptions& options = {},
                                const CheckProgress& progress = {});

/// Checks `count` random graphs (random_graphs.h), whose seeds begin with that of the options. A
/// row's op is the graph's size, its label the seed.
std::vector<CheckRow> check_graphs(int count, const CheckOptions& options = {},
                                   const CheckProgress& progress = {});

/// Checks any function, such as the loss of a model by its parameters: a row has `name` as its op.
std::vector<CheckRow> check_function(const std::string& name, const Function& f,
                                     const std::vector<Array>& inputs,
                                     const CheckOptions& options = {});

/// True when every check passed.
bool all_ok(const std::vector<CheckRow>& rows);

/// A table with a line for each op and mode, and in it the worst error of each order; then each
/// failed check with its place and both numbers; then `N checks, M failed`.
std::string check_report(const std::vector<CheckRow>& rows);

/// An array of {op, label, check, order, error, tolerance, step, input, entry, engine, reference,
/// ok}. A NaN, which JSON does not have, is null.
Json check_json(const std::vector<CheckRow>& rows);

}  // namespace twice::experiments
