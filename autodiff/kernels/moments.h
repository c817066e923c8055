// Mean, variance and standardisation over a run of neighbouring axes. x is viewed as
// (outer, count, inner) and reduced over `count`. Layer norm has inner = 1; batch norm of NHWC
// images has outer = 1.
#pragma once

#include "autodiff/array/array.h"

namespace twice::kernel {

/// The products of the sizes before, in and after the reduced axes.
struct MomentExtents {
  Index outer = 1, count = 1, inner = 1;
};

/// Bytes of workspace for the kernels below.
std::size_t moments_workspace(const MomentExtents& extents);

// The mean and the sum of squared deviations are computed together, while a tile is in the cache.
// The tiles are combined in a fixed order by the formula of Chan, Golub, LeVeque 1983, which does
// not cancel as E[x^2] - E[x]^2 would.

/// y[o, i] = 1/count sum_k (x[o, k, i] - mean[o, i])^2.
void variance(const Array& x, const MomentExtents& extents, const Array& y, std::byte* workspace);
/// y[o, i] = 1 / sqrt(variance[o, i] + epsilon), from the variances of x. If a variance is
/// infinite, y is computed from x.
void inverse_deviation(const Array& x, const Array& variances, const MomentExtents& extents,
                       double epsilon, const Array& y);
/// y[o, k, i] = x[o, k, i] - mean[o, i].
void center(const Array& x, const MomentExtents& extents, const Array& y, std::byte* workspace);
/// y[o, k, i] = (x[o, k, i] - mean[o, i]) / sqrt(variance[o, i] + epsilon).
void standardize(const Array& x, const MomentExtents& extents, double epsilon, const Array& y,
                 std::byte* workspace);

}  // namespace twice::kernel
