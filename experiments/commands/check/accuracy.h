// Errors of the elementwise ops in units in the last place, against their formulas in more digits:
// of the value, the slope and the curvature that the engine computes, in both dtypes, at numbers of
// every size.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "autodiff/array/dtype.h"
#include "experiments/files/json.h"

namespace twice::experiments {

/// The largest error of one derivative of one row of the op table in one dtype. The error of a
/// computed y at inputs x, with the exact f and f' there, is
///     max(0, |y - f| - w) / max(u, w),
/// where w is by how much f changes when each x moves by half a unit in its last place, and u is
/// the unit in the last place of f. So an error that the rounding of x alone explains is 0, and
/// where f crosses 0 between two numbers, w is the unit. A derivative is composed of ops, so its
/// results near the ends of the range may be lost on the way: u is at least 1024 times the smallest
/// denormal number, what exceeds 1/1024 of the largest number counts as infinite, and curvatures
/// are not measured at denormal x. Where the formula of a derivative gives infinity times 0 at an
/// infinite x, nothing is required.
struct AccuracyRow {
  std::string op, label;
  DType dtype;
  /// 0 of the value, 1 of the slope, 2 of the curvature; by all inputs and pairs of inputs.
  int order;
  double error, bound;
  /// Where the error is largest, what was computed there and what is right; empty when all is
  /// exact.
  std::vector<double> at;
  double computed = 0, exact = 0;
  bool ok = true;
};

/// Measures the rows of the op table that state bounds (OpCase::units) and whose op has `filter` in
/// its name. `numbers` is how many random numbers, or pairs of them, join the special ones;
/// `progress` is called with the op of each row that is done.
std::vector<AccuracyRow> check_accuracy(
    std::string_view filter, int numbers,
    const std::function<void(const std::string&)>& progress = {});

/// A line for each op, mode and dtype: of value, slope and curvature the largest error and its
/// bound; then where each broken bound is broken; then `N errors, M above their bounds`.
std::string accuracy_report(const std::vector<AccuracyRow>& rows);
/// An array of {op, label, dtype, order, error, bound, at, computed, exact, ok}; numbers that JSON
/// does not have are strings.
Json accuracy_json(const std::vector<AccuracyRow>& rows);

}  // namespace twice::experiments
