// How parameters start: constants, or random numbers whose variance is chosen so that signals keep
// their size from layer to layer. An initializer is a small value; it draws when asked to fill an
// array.
#pragma once

#include <string>
#include <vector>

#include "autodiff/kernels/random.h"

namespace twice {

/// How many numbers feed one output (in) and how many outputs one number feeds (out).
struct Fan {
  double in = 1, out = 1;
};

/// linear (in, out): {in, out}; convolution HWIO (kh, kw, ci, co): {kh kw ci, kh kw co}; a vector
/// or a scalar: {1, 1}. Throws for other ranks.
Fan fan(const Shape& shape);

/// `constant`: every number is `scale`. The others have mean 0 and variance scale / f, with f the
/// fan in or the mean of fan in and fan out; `uniform` draws from [-sqrt(3 v), sqrt(3 v)), v the
/// variance.
struct Initializer {
  enum class Distribution : std::uint8_t { constant, normal, uniform };
  enum class Divisor : std::uint8_t { fan_in, fan_average };
  Distribution distribution = Distribution::constant;
  Divisor divisor = Divisor::fan_in;
  double scale = 0;

  /// Overwrites all of `out` (f32 or f64); the same `rng` gives the same numbers up to rounding.
  void fill(const Rng& rng, const Array& out) const;
  /// The variance of the numbers of a parameter of this shape; 0 for constants.
  double variance(const Shape& shape) const;
};

// ---- Constants ----
Initializer constant_init(double value);
inline Initializer zeros_init() { return constant_init(0); }
inline Initializer ones_init() { return constant_init(1); }

// ---- He: variance 2 / ((1 + a^2) fan_in), which keeps the size of signals that pass relu (a = 0)
// or leaky relu of slope a. He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV 2015. ----
Initializer he_normal(double negative_slope = 0);
Initializer he_uniform(double negative_slope = 0);

// ---- Glorot: variance 2 / (fan_in + fan_out), a compromise between signals forward and gradients
// backward. Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural
// networks", AISTATS 2010. ----
Initializer glorot_normal();
Initializer glorot_uniform();

// ---- LeCun: variance 1 / fan_in, which keeps the size of signals that pass a function of slope 1
// at 0. LeCun, Bottou, Orr, Mueller, "Efficient BackProp", 1998. ----
Initializer lecun_normal();
Initializer lecun_uniform();

/// By name: zeros, ones, he_normal, he_uniform, glorot_normal, glorot_uniform, lecun_normal,
/// lecun_uniform. Throws for others, naming them all.
Initializer initializer_named(const std::string& name);
std::vector<std::string> initializer_names();

}  // namespace twice
