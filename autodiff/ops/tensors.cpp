#include "autodiff/ops/tensors.h"

#include <algorithm>

#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/cast.h"
#include "autodiff/ops/inputs.h"
#include "autodiff/ops/power.h"
#include "autodiff/ops/shape_ops.h"

namespace twice {

namespace {

template <class F>
Tensors map(const Tensors& x, F f) {
  Tensors result;
  result.reserve(x.size());
  for (Tensor t : x) result.push_back(f(t));
  return result;
}

template <class F>
Tensors zip(const char* who, const Tensors& a, const Tensors& b, F f) {
  if (a.size() != b.size())
    fail(who, "lists of {} and {} tensors do not pair up", a.size(), b.size());
  Tensors result;
  result.reserve(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) result.push_back(f(a[i], b[i]));
  return result;
}

Tensor total(const char* who, const Tensors& scalars) {
  if (scalars.empty()) fail(who, "an empty list has no tape for the sum");
  const bool f64 = std::ranges::any_of(scalars, [](Tensor t) { return t.dtype() == DType::f64; });
  Tensor result;
  for (Tensor scalar : scalars) {
    const Tensor term = f64 ? cast(scalar, DType::f64) : scalar;
    result = result ? result + term : term;
  }
  return result;
}

}  // namespace

Tensors operator+(const Tensors& a, const Tensors& b) {
  return zip("add", a, b, [](Tensor x, Tensor y) { return x + y; });
}
Tensors operator-(const Tensors& a, const Tensors& b) {
  return zip("sub", a, b, [](Tensor x, Tensor y) { return x - y; });
}
Tensors operator*(double scale, const Tensors& x) {
  return map(x, [=](Tensor t) { return scale * t; });
}
Tensors operator*(Tensor scale, const Tensors& x) {
  return map(x, [=](Tensor t) { return cast(scale, t.dtype()) * t; });
}
Tensors operator/(const Tensors& x, double divisor) { return (1 / divisor) * x; }

Tensor dot(const Tensors& a, const Tensors& b) {
  return total("dot", zip("dot", a, b, [](Tensor x, Tensor y) {
                 check_floats("dot", {x, y});
                 // With broadcasting, numbers would be counted several times.
                 if (!(x.shape() == y.shape()))
                   fail("dot", "shapes differ: {} and {}", str(x.shape()), str(y.shape()));
                 return sum(x * y);
               }));
}
Tensor squared_norm(const Tensors& x) {
  return total("squared_norm", map(x, [](Tensor t) {
                 check_floats("squared_norm", {t});
                 return sum(square(t));
               }));
}
Tensors stop_gradient(const Tensors& x) {
  return map(x, [](Tensor t) { return stop_gradient(t); });
}

}  // namespace twice
