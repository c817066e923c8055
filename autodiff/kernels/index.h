// Kernels that read or write at positions given by i32 indices. Indices are checked by
// `check_indices` before any work, since a parallel loop must not throw.
#pragma once

#include "autodiff/array/array.h"

namespace twice::kernel {

/// Throws, naming the first culprit, unless every index is in [0, size). `what` they are called
/// in the message: indices, or labels.
void check_indices(std::string_view who, const Array& indices, Index size,
                   std::string_view what = "index");

/// y[k] = x[indices[k]]: rows (everything after the first axis) of x.
void gather_rows(const Array& x, const Array& indices, const Array& y);
/// x = 0, then x[indices[k]] += g[k] in the order of k, at any thread count.
void scatter_add_rows(const Array& g, const Array& indices, const Array& x);

/// y[r, k] = x[r, indices[r, k]]: within each row along the last axis.
void gather_last(const Array& x, const Array& indices, const Array& y);
/// x = 0, then x[r, indices[r, k]] += g[r, k] in the order of k.
void scatter_add_last(const Array& g, const Array& indices, const Array& x);

/// y[r] = the position of the first largest (or smallest) number of row r; NaN counts as that.
void arg_extreme_last(const Array& x, bool largest, const Array& y);

/// y[r, labels[r]] = 1, all others 0.
void one_hot_rows(const Array& labels, const Array& y);

}  // namespace twice::kernel
