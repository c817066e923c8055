// Checks of inputs, and helpers for the axes of reductions. A public function checks its inputs
// first, so an error names the function that the user called and not one that it is built from.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// Throws an error that starts with `who` unless all inputs are f32 or all are f64.
void check_floats(std::string_view who, Specs x);
/// The same for tensors, which must also be valid handles of one tape.
void check_floats(std::string_view who, std::initializer_list<Tensor> x);

// Reductions over any axes, for ops whose kernels work along the last axis: the reduced axes are
// moved to the end and merged. If they are the last axes already, nothing is moved.

/// `axes` counted from the front, in ascending order; all axes if none are given. Throws an error
/// that starts with `who` if an axis does not exist or is listed twice.
Shape sorted_axes(const char* who, const Shape& axes, int rank);

/// x as a matrix (outer, reduced), in which `axes` (by default all) are merged into the last axis.
Tensor as_rows(const char* who, Tensor x, const Shape& axes);

/// The shape of x reduced over `axes` (by default all). With `keepdims` the reduced axes keep size
/// 1.
Shape reduced_shape(const char* who, const Shape& x, const Shape& axes, bool keepdims);

}  // namespace twice
