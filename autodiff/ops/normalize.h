// Variance and standardisation, the building blocks of batch norm (over all axes but the last) and
// layer norm (over the last axis). General ops with their own kernels. The derivatives consist of
// these ops and arithmetic, so derivatives of any order exist.
#pragma once

#include "autodiff/tape/tape.h"

namespace twice {

/// y = x - mean x over `axes` (by default all), accurate even if the numbers have a large common
/// part. Symmetric: J = J' is the map itself.
Tensor center(Tensor x, const Shape& axes = {});

/// y = mean((x - mean x)^2) over `axes` (by default all), divided by the count n, not n - 1.
/// J' g = 2/n (x - mean x) g, J v = 2/n sum((x - mean x) v).
Tensor variance(Tensor x, const Shape& axes = {}, bool keepdims = false);

/// y = (x - mean x) r with r = 1/sqrt(variance x + epsilon), over `axes` (by default all); throws
/// unless epsilon > 0. J is symmetric: J v = r (v - mean v - y mean(y v)). Sources: Ioffe & Szegedy
/// 2015; Ba, Kiros & Hinton 2016.
Tensor standardize(Tensor x, const Shape& axes, double epsilon = 1e-5);

}  // namespace twice
