// Computes the exact results of a recorded program, and bounds on the rounding errors. With them
// tests check that a planner pass loses no digits, although it may round differently.
#pragma once

#include <vector>

#include "autodiff/tape/tape.h"

namespace twice::testing {

/// The exact values of a node and bounds on their errors. The bounds hold for a computation in the
/// program's dtype that runs every recorded op once and orders sums in any way. A bound is infinite
/// or NaN where a rounding error may change a mask.
struct Rounded {
  std::vector<long double> value, bound;
};

/// Computes the values and bounds for all nodes up to the last of `outputs`, in long double.
/// Products and scalings may lose numbers within a factor of `margin` of the ends of the dtype's
/// range: smaller numbers count as errors, and for larger numbers the bound is infinite. The leaves
/// must be parameters and constants. Supports the ops in matrix programs with tanh and relu and in
/// their derivatives, and throws for other ops.
std::vector<Rounded> rounding_bounds(const Tensors& outputs, double margin = 1);

}  // namespace twice::testing
