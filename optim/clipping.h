// Gradient clipping by global norm, which keeps the direction and limits the length of a step.
#pragma once

#include <span>

#include "autodiff/array/array.h"

namespace twice {

/// |g| = sqrt(sum of squares) over all arrays, added in f64. The bits are the same for every number
/// of threads. f64 numbers must be between 1e-150 and 1e150 in size. Throws unless the arrays are
/// contiguous f32 or f64.
double global_norm(std::span<const Array> gradient);

/// g <- g min(1, max_norm / |g|), in place; returns |g| before clipping (Pascanu, Mikolov, Bengio,
/// ICML 2013). If |g| is NaN or infinite, g stays unchanged, and the caller must check the returned
/// value. Arrays that share memory (equal gradients that a plan computed once) are scaled once.
/// Other outputs of a plan that share memory with g change too, so read them first. Throws unless
/// max_norm is finite and > 0.
double clip_by_global_norm(std::span<const Array> gradient, double max_norm);

}  // namespace twice
