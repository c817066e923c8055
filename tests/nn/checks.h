// Shared by the tests of nn/: random arrays, and a check of first and second derivatives against
// finite differences. First derivatives are compared with differences of the value, and second
// derivatives with differences of the engine's gradient.
#pragma once

#include <cmath>

#include "autodiff/derive/grad.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/tensors.h"
#include "autodiff/plan/plan.h"
#include "nn/nn.h"

namespace twice::testing {

inline Array normals(const Shape& shape, std::uint64_t seed, double stddev = 1,
                     DType dtype = DType::f64) {
  Array out(shape, dtype);
  fill_normal(Rng(seed), 0, stddev, out);
  return out;
}

/// mean(c y + y^2) with random c. Each entry of y has a different weight, and the second derivative
/// is not zero if y is linear.
inline Tensor probe(Tensor y) {
  return mean(y.tape().constant(normals(y.shape(), 77)) * y + square(y));
}

inline double inner(const std::vector<Array>& a, const std::vector<Array>& b) {
  double total = 0;
  for (std::size_t k = 0; k < a.size(); ++k)
    for (Index i = 0; i < a[k].elements(); ++i) total += a[k].at(i) * b[k].at(i);
  return total;
}

/// |a - b| / |b|
inline double relative_error(const std::vector<Array>& a, const std::vector<Array>& b) {
  double squares = 0;
  for (std::size_t k = 0; k < a.size(); ++k)
    for (Index i = 0; i < a[k].elements(); ++i) squares += std::pow(a[k].at(i) - b[k].at(i), 2);
  return std::sqrt(squares / inner(b, b));
}

struct DerivativeErrors {
  double gradient;         ///< <grad, v> against a central difference of the loss along v
  double double_backward;  ///< grad <grad, v> against a central difference of grad along v
  double forward_mode;     ///< push of grad along v against grad <grad, v>
};

/// The relative errors of the derivatives of `loss` with respect to the leaves `w`. Moves their
/// arrays `numbers` along a random direction v and restores them.
inline DerivativeErrors derivative_errors(Tensor loss, const Tensors& w,
                                          const std::vector<Array>& numbers, double eps = 1e-6) {
  Tape& tape = loss.tape();
  std::vector<Array> direction;
  Tensors v;
  for (const Array& n : numbers) {
    direction.push_back(normals(n.shape(), 1000 + direction.size()));
    v.push_back(tape.constant(direction.back()));
  }
  const Tensors g = grad(loss, w);
  const Tensor slope = dot(g, v);
  const Tensors by_reverse = grad(slope, w), by_forward = push(g, w, v);
  Plan plan{loss, slope, g, by_reverse, by_forward};

  const auto copied = [&](const Tensors& ts) {
    std::vector<Array> result;
    for (const Array& a : plan.values(ts)) result.push_back(a.clone());
    return result;
  };
  std::vector<Array> start;
  for (const Array& n : numbers) start.push_back(n.clone());
  const auto run_at = [&](double step) {
    for (std::size_t k = 0; k < numbers.size(); ++k)
      for (Index i = 0; i < numbers[k].elements(); ++i)
        numbers[k].set(i, start[k].at(i) + step * direction[k].at(i));
    plan.run();
  };
  run_at(eps);
  const double loss_up = plan.value(loss).item();
  std::vector<Array> difference = copied(g);
  run_at(-eps);
  const double loss_down = plan.value(loss).item();
  const std::vector<Array> g_down = copied(g);
  run_at(0);
  for (std::size_t k = 0; k < difference.size(); ++k)
    for (Index i = 0; i < difference[k].elements(); ++i)
      difference[k].set(i, (difference[k].at(i) - g_down[k].at(i)) / (2 * eps));

  const double expected = plan.value(slope).item();
  const std::vector<Array> hv = copied(by_reverse);
  return {std::abs((loss_up - loss_down) / (2 * eps) - expected) / std::abs(expected),
          relative_error(difference, hv), relative_error(copied(by_forward), hv)};
}

inline constexpr double difference_tolerance = 1e-6, rounding_tolerance = 1e-11;

/// The number of matrix products and convolutions in one run of a plan.
inline int products(const Plan& plan) {
  int count = 0;
  for (const Step& step : plan.program().steps) count += step.cost.products;
  return count;
}

inline bool says(const Error& e, const char* text) {
  return std::string(e.what()).find(text) != std::string::npos;
}

}  // namespace twice::testing
