// Shared by the tests of optim/: a tanh MLP with mean squared error on random numbers, in f64, and
// vector arithmetic for comparing gradients.
#pragma once

#include <cmath>

#include "autodiff/derive/grad.h"
#include "autodiff/kernels/random.h"
#include "autodiff/ops/activations.h"
#include "autodiff/ops/arithmetic.h"
#include "autodiff/ops/broadcast.h"
#include "autodiff/ops/matmul.h"
#include "autodiff/ops/power.h"
#include "autodiff/plan/plan.h"
#include "tests/ops/helpers.h"

namespace twice::optim_test {

/// All numbers of a gradient as one vector.
using Numbers = std::vector<double>;

inline Numbers numbers_of(const std::vector<Array>& arrays) {
  Numbers all;
  for (const Array& a : arrays)
    for (double v : a.to_vector()) all.push_back(v);
  return all;
}

/// a x + b y
inline Numbers combined(double a, const Numbers& x, double b, const Numbers& y) {
  Numbers result(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) result[i] = a * x[i] + b * y[i];
  return result;
}

inline double norm(const Numbers& x) {
  double sum = 0;
  for (double v : x) sum += v * v;
  return std::sqrt(sum);
}

/// |a - b| / |b|
inline double relative_error(const Numbers& a, const Numbers& b) {
  return norm(combined(1, a, -1, b)) / norm(b);
}

using testing::error_of;
using testing::same_bits;

/// An MLP of `depth` linear layers, with tanh between them, and its loss.
struct Problem {
  Tape tape;
  int depth;
  std::vector<Array> arrays;
  Tensors w;
  Tensor x, y;

  explicit Problem(int layers, DType dtype = DType::f64, Index batch = 9) : depth(layers) {
    const Index width = 7;
    for (int layer = 0; layer < depth; ++layer) {
      const Index in = layer == 0 ? 5 : width, out = layer == depth - 1 ? 3 : width;
      arrays.push_back(normals({in, out}, 1 / std::sqrt(static_cast<double>(in)), dtype));
      arrays.push_back(normals({out}, 0.1, dtype));
    }
    for (const Array& array : arrays) w.push_back(tape.parameter(array));
    x = tape.constant(normals({batch, 5}, 1, dtype));
    y = tape.constant(normals({batch, 3}, 1, dtype));
  }

  Tensor loss(const Tensors& at) const {
    Tensor h = x;
    for (std::size_t layer = 0; layer < static_cast<std::size_t>(depth); ++layer) {
      if (layer > 0) h = tanh(h);
      h = matmul(h, at[2 * layer]) + at[2 * layer + 1];
    }
    return mean(square(h - y));
  }

 private:
  std::uint64_t drawn_ = 0;

  Array normals(const Shape& shape, double stddev, DType dtype) {
    Array out(shape, dtype);
    fill_normal(Rng(7, drawn_++), 0, stddev, out);
    return out;
  }
};

}  // namespace twice::optim_test
