// The checks that a public function makes before it looks at shapes, so that an error names the
// function that the user called and not one that it is built from; and the axes of reductions.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// Throws, naming `who`, unless all are f32 or f64, and of one dtype.
void check_floats(std::string_view who, Specs x);
/// ... and valid handles of one tape.
void check_floats(std::string_view who, std::initializer_list<Tensor> x);

// Reductions over any axes, for ops whose kernels work along the last one: the reduced axes are
// moved to the end and merged. Nothing moves when they already are the last ones.

/// `axes` counted from the front and ascending; all axes when none are given.
/// Throws, naming `who`, when an axis does not exist or is listed twice.
Shape sorted_axes(const char* who, const Shape& axes, int rank);

/// x as a matrix (outer, reduced): `axes` (all when none are given) merged into the last.
Tensor as_rows(const char* who, Tensor x, const Shape& axes);

/// The shape of x reduced over `axes` (all when none are given); with `keepdims` they have size 1.
Shape reduced_shape(const char* who, const Shape& x, const Shape& axes, bool keepdims);

}  // namespace twice
