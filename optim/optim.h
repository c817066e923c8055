// Everything that turns gradients into training steps: the methods that make the gradient, the
// optimisers that follow it, the learning rate, clipping.
#pragma once

#include "optim/clipping.h"
#include "optim/curvature.h"
#include "optim/gradient_regularization.h"
#include "optim/optimizers.h"
#include "optim/schedules.h"
