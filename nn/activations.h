// Activation functions by name, as models and the command line ask for them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "autodiff/tape/tape.h"
#include "nn/initializers.h"

namespace twice {

/// The elementwise function of a name: identity, relu, leaky_relu, elu, tanh, sigmoid, softplus,
/// silu, gelu, gelu_tanh, beta_gelu (autodiff/ops/activations.h has their equations). Three take a
/// number after a colon: `leaky_relu:0.1` (slope, else 0.01), `elu:0.5` (alpha, else 1),
/// `beta_gelu:4` (beta, else 1). Throws for other names, naming them all, and for a number that is
/// missing or out of place.
std::function<Tensor(Tensor)> activation_named(const std::string& name);
std::vector<std::string> activation_names();

/// What weights before this activation start with: He normal for the functions that are close to
/// relu, LeCun normal for identity, tanh and sigmoid.
Initializer initializer_for(const std::string& activation);

}  // namespace twice
