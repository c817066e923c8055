// Initial values of parameters: constants, or random numbers whose variance keeps the size of
// signals similar from layer to layer. An initialiser is a small value object; `fill` draws the
// numbers.
#pragma once

#include <string>
#include <vector>

#include "autodiff/kernels/random.h"

namespace twice {

/// The number of inputs that one output depends on (in), and of outputs that depend on one input
/// (out).
struct Fan {
  double in = 1, out = 1;
};

/// linear (in, out): {in, out}; convolution HWIO (kh, kw, ci, co): {kh kw ci, kh kw co}; vectors
/// and scalars: {1, 1}. Throws for other ranks.
Fan fan(const Shape& shape);

/// A distribution. With `constant`, every number is `scale`. The other two have mean 0 and variance
/// v = scale / f, where f is the fan in, or the mean of fan in and fan out. `uniform` draws from
/// [-sqrt(3 v), sqrt(3 v)).
struct Initializer {
  /// The kind of distribution.
  enum class Distribution : std::uint8_t { constant, normal, uniform };
  /// The divisor f of the variance.
  enum class Divisor : std::uint8_t { fan_in, fan_average };
  Distribution distribution = Distribution::constant;
  Divisor divisor = Divisor::fan_in;
  double scale = 0;

  /// Overwrites all of `out` (f32 or f64). The same `rng` gives the same numbers up to rounding.
  void fill(const Rng& rng, const Array& out) const;
  /// The variance v for a parameter of this shape; 0 for constants.
  double variance(const Shape& shape) const;
};

/// Every number is `value`.
Initializer constant_init(double value);
/// Every number is 0.
inline Initializer zeros_init() { return constant_init(0); }
/// Every number is 1.
inline Initializer ones_init() { return constant_init(1); }

/// He: normal numbers with variance 2 / ((1 + a^2) fan_in), where a is `negative_slope`. Keeps the
/// size of signals that pass through relu (a = 0) or leaky relu with slope a. Source: He, Zhang,
/// Ren, Sun, "Delving deep into rectifiers", ICCV 2015.
Initializer he_normal(double negative_slope = 0);
/// The same variance as `he_normal`, with uniform numbers.
Initializer he_uniform(double negative_slope = 0);

/// Glorot: normal numbers with variance 2 / (fan_in + fan_out), a compromise between signals in the
/// forward pass and gradients in the backward pass. Source: Glorot, Bengio, "Understanding the
/// difficulty of training deep feedforward neural networks", AISTATS 2010.
Initializer glorot_normal();
/// The same variance as `glorot_normal`, with uniform numbers.
Initializer glorot_uniform();

/// LeCun: normal numbers with variance 1 / fan_in. Keeps the size of signals that pass through a
/// function with slope 1 at 0. Source: LeCun, Bottou, Orr, Mueller, "Efficient BackProp", 1998.
Initializer lecun_normal();
/// The same variance as `lecun_normal`, with uniform numbers.
Initializer lecun_uniform();

/// The initialiser with this name: zeros, ones, he_normal, he_uniform, glorot_normal,
/// glorot_uniform, lecun_normal or lecun_uniform. Throws for another name, with a list of all
/// names.
Initializer initializer_named(const std::string& name);
/// The names of all initialisers.
std::vector<std::string> initializer_names();

}  // namespace twice
