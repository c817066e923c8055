// Variance and standardization: what batch norm (over all axes but the last) and layer norm (over
// the last) are made of. General ops with kernels of their own; every derivative is closed
// under the two and the arithmetic ops, so it exists to any order.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// y = x - mean x over `axes` (all when none are given), right to rounding where the numbers have a
/// large common part.  J = J' is the map itself.
Tensor center(Tensor x, const Shape& axes = {});

/// y = mean((x - mean x)^2) over `axes` (all when none are given): divided by the count n,
/// not n - 1.  J' g = 2/n (x - mean x) g,  J t = 2/n sum((x - mean x) t).
Tensor variance(Tensor x, const Shape& axes = {}, bool keepdims = false);

/// y = (x - mean x) / sqrt(variance x + epsilon) over `axes` (all when none are given); epsilon >
/// 0. J is symmetric: with r = 1/sqrt(variance x + epsilon), J v = r (v - mean v - y mean(y v)).
/// Ioffe & Szegedy 2015; Ba, Kiros & Hinton 2016.
Tensor standardize(Tensor x, const Shape& axes, double epsilon = 1e-5);

}  // namespace twice
