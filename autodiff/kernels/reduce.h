// Sums over axes, and checks of all numbers of an array. The order of a sum depends on the shape
// only.
#pragma once

#include "autodiff/array/array.h"

namespace twice::kernel {

/// y = x summed over the leading axes that y lacks and over the axes where y has size 1. Both
/// arrays are contiguous. Blocks of fixed size have several partial sums each. The bits are the
/// same for every number of threads, and the rounding error grows slowly.
void sum_to(const Array& x, const Array& y);

/// False if a contiguous array contains a NaN or an infinity.
bool all_finite(const Array& x);

/// The largest |x| of a contiguous array: 0 if it is empty, infinite if it contains an infinity or
/// a NaN.
double largest_size(const Array& x);

/// True if `largest_size` is between 2^-100 and 2^100 (f64: 2^-900 and 2^900), far from the ends of
/// the range.
bool in_the_middle(const Array& x);

}  // namespace twice::kernel
