// Random inputs for gradient checks, each within an op's domain and away from its kinks: a finite
// difference across a kink of relu or max would say nothing.
#pragma once

#include <functional>

#include "autodiff/kernels/random.h"

namespace twice::experiments {

/// Draws one input.
using RandomArray = std::function<Array(const Rng&)>;

/// Standard normal numbers.
RandomArray normal(const Shape& shape);
/// Uniform in [low, high).
RandomArray uniform(const Shape& shape, double low, double high);
/// Uniform in [low, high), each with a random sign: away from 0.
RandomArray signed_uniform(const Shape& shape, double low, double high);
/// Numbers in random order, any two at least 0.1 apart, and each as far from 0: without ties.
RandomArray distinct(const Shape& shape);
/// Labels or indices: i32 in [0, count).
RandomArray indices(const Shape& shape, Index count);

}  // namespace twice::experiments
