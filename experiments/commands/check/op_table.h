// The table of ops: one row for each op that the library can record, or several for an op with
// modes. It drives `./twice check` and the tests; a test fails when an op has no row.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "autodiff/check/derivatives.h"
#include "experiments/commands/check/inputs.h"

namespace twice::experiments {

/// The bounds of an elementwise op's errors, of value, slope and curvature, in units in the last
/// place (accuracy.h), for both dtypes.
using Units = std::array<double, 3>;

struct OpCase {
  /// `Op::name()` of the op that the function records.
  std::string op;
  /// The mode; empty when there is but one.
  std::string label;
  /// One entry for each input of the function.
  std::vector<RandomArray> inputs;
  Function function;
  /// Errors are measured where they are stated; accuracy_references.cpp has the formula.
  std::optional<Units> units = {};

  /// The inputs, in f64 and i32, always the same for one seed.
  std::vector<Array> draw(std::uint64_t seed = 1) const;
};

/// All rows, by group of ops.
const std::vector<OpCase>& op_table();

// The groups, each in a file of its own.
std::vector<OpCase> elementwise_cases();
std::vector<OpCase> linear_cases();
std::vector<OpCase> product_cases();
std::vector<OpCase> reduction_cases();
std::vector<OpCase> layer_cases();

/// Ops at kinks and ties. Not part of the table: finite differences cannot check them.
std::vector<OpCase> kink_cases();

}  // namespace twice::experiments
