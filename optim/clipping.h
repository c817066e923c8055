// Gradient clipping by global norm: keeps the direction, bounds the length of a step.
#pragma once

#include <span>

#include "autodiff/array/array.h"

namespace twice {

/// |g| = sqrt(sum of squares) over all the arrays, accumulated in f64, so f64 numbers must lie
/// between 1e-150 and 1e150; the same bits at any thread
/// count. Arrays are contiguous, f32 or f64.
double global_norm(std::span<const Array> gradient);

/// g <- g min(1, max_norm / |g|), in place; returns |g| as it was (Pascanu, Mikolov, Bengio, ICML
/// 2013). An |g| that is NaN or infinite is returned and g is left as it is: the caller must look.
/// Arrays that share memory (equal gradients that a plan computed once) are scaled once. Other
/// outputs of a plan that are the same values are scaled too: read them before.
double clip_by_global_norm(std::span<const Array> gradient, double max_norm);

}  // namespace twice
