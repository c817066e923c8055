// Kernels that read or write at positions given by i32 indices. `check_indices` runs before them,
// because a parallel loop must not throw.
#pragma once

#include "autodiff/array/array.h"

namespace twice::kernel {

/// Throws unless every index is in [0, size). The error names the first index outside this range.
/// The message calls an entry `what`, which is "index" or "label".
void check_indices(std::string_view who, const Array& indices, Index size,
                   std::string_view what = "index");

/// y[k] = x[indices[k]], where x[i] is a row: everything after the first axis.
void gather_rows(const Array& x, const Array& indices, const Array& y);
/// x = 0, then x[indices[k]] += g[k] in the order of k, for every number of threads.
void scatter_add_rows(const Array& g, const Array& indices, const Array& x);

/// y[r, k] = x[r, indices[r, k]] along the last axis.
void gather_last(const Array& x, const Array& indices, const Array& y);
/// x = 0, then x[r, indices[r, k]] += g[r, k] in the order of k.
void scatter_add_last(const Array& g, const Array& indices, const Array& x);

/// y[r] = the position of the first largest (or smallest) number of row r. A NaN counts as such.
void arg_extreme_last(const Array& x, bool largest, const Array& y);

/// y[r, labels[r]] = 1; all other elements are 0.
void one_hot_rows(const Array& labels, const Array& y);

}  // namespace twice::kernel
