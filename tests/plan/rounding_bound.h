// What a recorded program computes in exact arithmetic, and by how much rounding may move it: the
// measure of the law that a planner pass may round differently but may not lose digits.
#pragma once

#include <vector>

#include "autodiff/tape/tape.h"

namespace twice::testing {

/// The numbers of one node: the exact value, and a bound of the error of a computation in the
/// program's dtype that runs every recorded op once, in any order of its sums. The bound is
/// infinite or NaN where a rounding error may decide a mask.
struct Rounded {
  std::vector<long double> value, bound;
};

/// Computed for all nodes up to the last of `outputs`, in long double. Products and scalings may
/// lose what is within a factor of `margin` of the ends of the dtype's range: numbers so small
/// count as errors, and where they become so large the bound is infinite. Inputs are parameters and
/// constants. Knows the ops that matrix programs with tanh and relu and their derivatives record;
/// throws for others.
std::vector<Rounded> rounding_bounds(const Tensors& outputs, double margin = 1);

}  // namespace twice::testing
