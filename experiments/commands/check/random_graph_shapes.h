// For the table of random graphs: which shapes an op accepts, and rows of the table in short.
#pragma once

#include "experiments/commands/check/random_graphs.h"

namespace twice::experiments::graph_shapes {

using Shapes = std::vector<Shape>;
using Accepts = bool (*)(const Shapes&);

inline bool any(const Shapes&) { return true; }
inline bool has_axis(const Shapes& x) { return x[0].rank() >= 1 && x[0].rank() < 4; }
inline bool is_matrix(const Shapes& x) { return x[0].rank() == 2; }
inline bool is_image(const Shapes& x) { return x[0].rank() == 4 && x[0][1] >= 2 && x[0][2] >= 2; }
inline bool same(const Shapes& x) { return has_axis(x) && x[0] == x[1]; }
inline bool are_vectors(const Shapes& x) { return x[0].rank() == 1 && x[1].rank() == 1; }

inline bool broadcast(const Shapes& x) {
  for (int back = 1; back <= std::min(x[0].rank(), x[1].rank()); ++back) {
    const Index a = x[0][x[0].rank() - back], b = x[1][x[1].rank() - back];
    if (a != b && a != 1 && b != 1) return false;
  }
  return true;
}

/// Axes a of the first and b of the second are contracted.
template <int rank, int a, int b>
bool multiply(const Shapes& x) {
  return x[0].rank() == rank && x[1].rank() == rank && x[0][a] == x[1][b] &&
         (rank == 2 || x[0][0] == x[1][0]);
}

/// Images and a kernel that fits them with padding 1 and dilation `by`.
template <int by>
bool convolve(const Shapes& x) {
  const auto fits = [&](int i) { return by * (x[1][i] - 1) + 1 <= x[0][i + 1] + 2; };
  return x[0].rank() == 4 && x[1].rank() == 4 && x[0][3] == x[1][2] && fits(0) && fits(1);
}

/// A kernel and a cotangent, or images and a cotangent, of one convolution without padding.
inline bool spread(const Shapes& x) {
  return x[0].rank() == 4 && x[1].rank() == 4 && x[0][3] == x[1][3];
}
inline bool correlate(const Shapes& x) {
  return x[0].rank() == 4 && x[1].rank() == 4 && x[0][0] == x[1][0] && x[1][1] <= x[0][1] &&
         x[1][2] <= x[0][2];
}

using Unary = Tensor (*)(Tensor);
using Binary = Tensor (*)(Tensor, Tensor);
using Kinks = Tensor (*)(const Tensors&);

inline GraphOp unary(const char* name, Unary apply, Accepts accepts = any, Kinks kinks = nullptr) {
  return {name, 1, accepts, [apply](const Tensors& x) { return apply(x[0]); }, kinks};
}
inline GraphOp binary(const char* name, Accepts accepts, Binary apply, Kinks kinks = nullptr) {
  return {name, 2, accepts, [apply](const Tensors& x) { return apply(x[0], x[1]); }, kinks};
}

}  // namespace twice::experiments::graph_shapes

namespace twice::experiments {

/// (random_graph_kinked_ops.cpp) The ops with kinks, and those that pick numbers by indices.
std::vector<GraphOp> kinked_graph_ops();

}  // namespace twice::experiments
