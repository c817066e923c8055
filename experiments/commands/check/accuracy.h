// Measures the errors of the elementwise ops in units in the last place, against the same formulas
// with more digits. Covers the value, the slope and the curvature that the engine computes, in both
// dtypes, at numbers of every magnitude.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "autodiff/array/dtype.h"
#include "experiments/files/json.h"

namespace twice::experiments {

/// Infinities and NaN, which JSON lacks, as text.
Json finite_or_text(double x);

/// The largest error of one derivative of one row of the op table in one dtype. If y is computed at
/// inputs x and f is the exact derivative there, the error is
///     max(0, |y - f| - w) / max(u, w).
/// Here w is the change of f when each x moves by half a unit in its last place, and u is the unit
/// in the last place of f. Thus the error is 0 if the rounding of x alone explains it, and w is the
/// unit where f crosses 0 between two numbers. A derivative is a composition of ops, so its results
/// near the ends of the range may be lost in an intermediate step. Therefore, for derivatives, u is
/// at least 1024 times the smallest denormal number, values above 1/1024 of the largest number
/// count as infinite, and curvatures are not measured at denormal x. At an infinite x where the
/// formula of a derivative gives infinity times 0, any result passes.
struct AccuracyRow {
  std::string op, label;
  DType dtype;
  /// 0 for the value, 1 for the slope, 2 for the curvature. The error is the maximum over all
  /// inputs and pairs of inputs.
  int order;
  double error, bound;
  /// The inputs with the largest error, the computed result there, and the exact result. Empty if
  /// every result is exact.
  std::vector<double> at;
  double computed = 0, exact = 0;
  bool ok = true;

  static void json_fields(auto& self, const auto& visit) {
    Json at = Json::array();
    for (double x : self.at) at.push_back(finite_or_text(x));
    visit("op", self.op);
    visit("label", self.label);
    visit("dtype", str(self.dtype));
    visit("order", self.order);
    visit("error", finite_or_text(self.error));
    visit("bound", self.bound);
    visit("at", at);
    visit("computed", finite_or_text(self.computed));
    visit("exact", finite_or_text(self.exact));
    visit("ok", self.ok);
  }
};

/// Measures the rows of the op table that state bounds (OpCase::units) and have `filter` in the
/// name of their op. `numbers` random numbers, or pairs of numbers, are added to the special ones.
/// `progress` is called with the op of each finished row.
std::vector<AccuracyRow> check_accuracy(
    std::string_view filter, int numbers,
    const std::function<void(const std::string&)>& progress = {});

/// The report has a line for each op, mode and dtype, with the largest error and the bound of
/// value, slope and curvature. Then it lists each broken bound with the inputs that break it, and
/// ends with `N errors, M above their bounds`.
std::string accuracy_report(const std::vector<AccuracyRow>& rows);

}  // namespace twice::experiments
