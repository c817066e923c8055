// All headers of optim/: methods that compute the gradient, optimisers that apply it, learning-rate
// schedules, clipping and curvature.
#pragma once

#include "optim/clipping.h"
#include "optim/curvature.h"
#include "optim/gradient_regularization.h"
#include "optim/optimizers.h"
#include "optim/schedules.h"
