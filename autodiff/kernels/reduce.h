// Summation over axes and a test of all numbers, in an order fixed by the shape alone.
#pragma once

#include "autodiff/array/array.h"

namespace twice::kernel {

/// y = x summed over the leading axes that y lacks and over the axes where y has size 1.
/// Both contiguous. Sums in blocks of fixed size, each with several partial sums, so that
/// the result has the same bits at any thread count and the error grows slowly.
void sum_to(const Array& x, const Array& y);

/// False when a contiguous array holds a NaN or an infinity.
bool all_finite(const Array& x);

/// The largest |x| of a contiguous array, 0 without numbers; infinite where one is infinite or NaN.
double largest_size(const Array& x);

/// Whether that is between 2^-100 and 2^100 (f64: 2^-900 and 2^900), far from the ends of the
/// range.
bool in_the_middle(const Array& x);

}  // namespace twice::kernel
