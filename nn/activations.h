// Activation functions by name, for models and the command line.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "autodiff/tape/tape.h"
#include "nn/initializers.h"

namespace twice {

/// The elementwise function with this name: identity, relu, leaky_relu, elu, tanh, sigmoid,
/// softplus, silu, gelu, gelu_tanh, beta_gelu (autodiff/ops/activations.h has their equations).
/// Three functions take a number after a colon: `leaky_relu:0.1` (slope, by default 0.01),
/// `elu:0.5` (alpha, by default 1) and `beta_gelu:4` (beta, by default 1). Throws for another name,
/// with a list of all names, and for a number that is missing or not allowed.
std::function<Tensor(Tensor)> activation_named(const std::string& name);
/// The names of all activation functions.
std::vector<std::string> activation_names();

/// The initialiser for weights before this activation: He normal for functions similar to relu,
/// LeCun normal for identity, tanh and sigmoid.
Initializer initializer_for(const std::string& activation);

}  // namespace twice
