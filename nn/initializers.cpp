#include "nn/initializers.h"

#include <cmath>

namespace twice {

namespace {

using enum Initializer::Distribution;
using enum Initializer::Divisor;

struct Named {
  std::string_view name;
  Initializer init;
};

const Named initializers[] = {
    {"zeros", zeros_init()},
    {"ones", ones_init()},
    {"he_normal", he_normal()},
    {"he_uniform", he_uniform()},
    {"glorot_normal", glorot_normal()},
    {"glorot_uniform", glorot_uniform()},
    {"lecun_normal", lecun_normal()},
    {"lecun_uniform", lecun_uniform()},
};

}  // namespace

Fan fan(const Shape& shape) {
  const auto size = [&](int axis) { return static_cast<double>(shape[axis]); };
  switch (shape.rank()) {
    case 0:
    case 1:
      return {1, 1};
    case 2:
      return {size(0), size(1)};
    case 4:
      return {size(0) * size(1) * size(2), size(0) * size(1) * size(3)};
    default:
      fail("initializer",
           "no fan is known for shape {}; expected linear (in, out) or convolution (kh, kw, in, "
           "out)",
           str(shape));
  }
}

double Initializer::variance(const Shape& shape) const {
  if (distribution == constant) return 0;
  const Fan f = fan(shape);
  return scale / (divisor == fan_in ? f.in : (f.in + f.out) / 2);
}

void Initializer::fill(const Rng& rng, const Array& out) const {
  if (distribution == constant) return copy(Array::filled(out.shape(), out.dtype(), scale), out);
  const double v = variance(out.shape());
  if (distribution == normal) return fill_normal(rng, 0, std::sqrt(v), out);
  fill_uniform(rng, -std::sqrt(3 * v), std::sqrt(3 * v), out);
}

Initializer constant_init(double value) { return {constant, fan_in, value}; }
Initializer he_normal(double a) { return {normal, fan_in, 2 / (1 + a * a)}; }
Initializer he_uniform(double a) { return {uniform, fan_in, 2 / (1 + a * a)}; }
Initializer glorot_normal() { return {normal, fan_average, 1}; }
Initializer glorot_uniform() { return {uniform, fan_average, 1}; }
Initializer lecun_normal() { return {normal, fan_in, 1}; }
Initializer lecun_uniform() { return {uniform, fan_in, 1}; }

std::vector<std::string> initializer_names() { return names_of(initializers); }

Initializer initializer_named(const std::string& name) {
  return row_named("initializer", initializers, name).init;
}

}  // namespace twice
