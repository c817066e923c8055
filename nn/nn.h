// All headers of nn/: initialisers, activations, layers, models and losses.
#pragma once

#include "nn/activations.h"
#include "nn/initializers.h"
#include "nn/layer.h"
#include "nn/layers.h"
#include "nn/losses.h"
#include "nn/model.h"
#include "nn/models.h"
