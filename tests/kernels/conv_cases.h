// Shared by the tests of convolution kernels: cases, a reference of seven plain loops in double,
// and calls of the kernels with checks for writes outside their memory.
#pragma once

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "autodiff/kernels/conv.h"
#include "autodiff/kernels/winograd.h"
#include "tests/ops/helpers.h"

namespace twice::testing {

using namespace kernel;

struct Case {
  Shape x, w;
  ConvGeometry geometry = {};
};

inline std::string name(const Case& c) {
  const auto& [stride, padding, dilation, groups] = c.geometry;
  return fmt::format("x {} w {} stride {} padding {} dilation {} groups {}", str(c.x), str(c.w),
                     stride, padding, dilation, groups);
}

inline Array random(const Shape& shape, DType dtype, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  Array array(shape, dtype);
  for (Index i = 0; i < array.elements(); ++i) array.set(i, normal(generator));
  return array;
}

/// Calls body(i, j, k) for every product of elements i of x and j of w that is a term of element k
/// of y.
template <class Body>
void for_each_product(const Case& c, const Body& body) {
  const auto& [stride, padding, dilation, groups] = c.geometry;
  const Shape y = conv2d_shape(c.x, c.w, c.geometry);
  const Index group_out = c.w[3] / groups;
  for (Index n = 0; n < y[0]; ++n)
    for (Index oy = 0; oy < y[1]; ++oy)
      for (Index ox = 0; ox < y[2]; ++ox)
        for (Index ky = 0; ky < c.w[0]; ++ky)
          for (Index kx = 0; kx < c.w[1]; ++kx)
            for (Index i = 0; i < c.w[2]; ++i)
              for (Index o = 0; o < c.w[3]; ++o) {
                const Index iy = oy * stride + ky * dilation - padding;
                const Index ix = ox * stride + kx * dilation - padding;
                if (iy < 0 || iy >= c.x[1] || ix < 0 || ix >= c.x[2]) continue;
                const Index channel = o / group_out * c.w[2] + i;
                body(((n * c.x[1] + iy) * c.x[2] + ix) * c.x[3] + channel,
                     ((ky * c.w[1] + kx) * c.w[2] + i) * c.w[3] + o,
                     ((n * y[1] + oy) * y[2] + ox) * y[3] + o);
              }
}

inline constexpr ConvSlot all_slots[] = {ConvSlot::outputs, ConvSlot::images, ConvSlot::kernel};

/// The three arguments of a case's trilinear form.
struct Operands {
  Array x, w, g;
  Operands(const Case& c, DType dtype, std::uint64_t seed = 1)
      : x(random(c.x, dtype, seed)),
        w(random(c.w, dtype, seed + 1)),
        g(random(conv2d_shape(c.x, c.w, c.geometry), dtype, seed + 2)) {}
};

/// A copy in memory that ends where the array ends, so that sanitizers detect a read past the end.
struct Exact {
  std::vector<std::byte> memory;
  Array array;
  explicit Exact(const Array& from)
      : memory(from.bytes()), array(Array::over(memory.data(), from.shape(), from.dtype())) {
    copy(from, array);
  }
};

/// The kernels of conv.h or of winograd.h.
enum class Form { direct, winograd };

inline std::size_t workspace_bytes(Form form, ConvSlot open, const Case& c, DType dtype,
                                   std::size_t terms) {
  if (form == Form::winograd) return winograd_workspace(open, c.x, c.w, c.geometry, dtype, terms);
  return open == ConvSlot::outputs ? conv2d_workspace(c.x, c.w, c.geometry, dtype, terms)
         : open == ConvSlot::images
             ? conv2d_input_grad_workspace(c.x, c.w, c.geometry, dtype, terms)
             : conv2d_weight_grad_workspace(c.x, c.w, c.geometry, dtype);
}

inline void call(Form form, ConvSlot open, std::span<const ConvTerm> terms,
                 const ConvGeometry& geometry, const Array& out, std::byte* workspace, bool add) {
  const bool direct = form == Form::direct;
  switch (open) {
    case ConvSlot::outputs:
      return (direct ? conv2d : winograd_conv2d)(terms, geometry, out, workspace, add);
    case ConvSlot::images:
      return (direct ? conv2d_input_grad : winograd_conv2d_input_grad)(terms, geometry, out,
                                                                       workspace, add);
    case ConvSlot::kernel:
      return (direct ? conv2d_weight_grad : winograd_conv2d_weight_grad)(terms, geometry, out,
                                                                         workspace);
  }
}

/// Runs a kernel on a sum of terms, with a workspace and an output full of NaN. Checks that the
/// kernel writes only inside them. With `before`, the output starts as `before` and the kernel adds
/// to it.
inline Array run(ConvSlot open, const Case& c, std::span<const Operands> sum,
                 const Array* before = nullptr, Form form = Form::direct) {
  const Operands& in = sum[0];
  const DType dtype = in.x.dtype();
  const Array& like = open == ConvSlot::outputs ? in.g : open == ConvSlot::images ? in.x : in.w;
  const Index space = static_cast<Index>(workspace_bytes(form, open, c, dtype, sum.size())) /
                      static_cast<Index>(size_of(dtype));
  const Index margin = 64;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Array memory = Array::filled({space + margin}, dtype, nan);
  Array around = Array::filled({like.elements() + 2 * margin}, dtype, nan);
  Array out = Array::over(
      static_cast<std::byte*>(around.raw()) + static_cast<std::size_t>(margin) * size_of(dtype),
      like.shape(), dtype);
  auto* workspace = static_cast<std::byte*>(memory.raw());
  if (before) copy(*before, out);
  std::vector<Exact> arrays;
  for (const Operands& term : sum)
    for (const Array* array : {&term.x, &term.w, &term.g}) arrays.emplace_back(*array);
  std::vector<ConvTerm> terms;
  for (std::size_t i = 0; i < arrays.size(); i += 3) {
    const Array &x = arrays[i].array, &w = arrays[i + 1].array, &g = arrays[i + 2].array;
    terms.push_back(open == ConvSlot::outputs  ? ConvTerm{&x, &w}
                    : open == ConvSlot::images ? ConvTerm{&w, &g}
                                               : ConvTerm{&x, &g});
  }
  call(form, open, terms, c.geometry, out, workspace, before);
  for (Index i = 0; i < margin; ++i) {
    BOOST_REQUIRE(std::isnan(memory.at(space + i)));
    BOOST_REQUIRE(std::isnan(around.at(i)));
    BOOST_REQUIRE(std::isnan(around.at(margin + like.elements() + i)));
  }
  return out.clone();
}
inline Array run(ConvSlot open, const Case& c, const Operands& in) {
  return run(open, c, {&in, 1});
}

inline std::vector<double> reference(ConvSlot open, const Case& c, const Operands& in) {
  const auto x = in.x.to_vector(), w = in.w.to_vector(), g = in.g.to_vector();
  std::vector<double> dx(x.size()), dw(w.size()), y(g.size());
  for_each_product(c, [&](Index i, Index j, Index k) {
    const auto xi = static_cast<std::size_t>(i), wi = static_cast<std::size_t>(j),
               yi = static_cast<std::size_t>(k);
    y[yi] += x[xi] * w[wi];
    dx[xi] += g[yi] * w[wi];
    dw[wi] += x[xi] * g[yi];
  });
  return open == ConvSlot::outputs ? y : open == ConvSlot::images ? dx : dw;
}

/// Compares a kernel's sum of `count` terms with the sum from the reference loops. A sum of two
/// terms is added to an array if the kernel can do so.
inline void check_sum(ConvSlot open, const Case& c, DType dtype, std::size_t count, Form form) {
  BOOST_TEST_CONTEXT(name(c) << " " << str(dtype) << " slot " << static_cast<int>(open) << ", "
                             << count << " terms") {
    std::vector<Operands> sum;
    for (std::size_t term = 0; term < count; ++term) sum.emplace_back(c, dtype, 10 * term);
    const Operands other(c, dtype, 99);
    const Array& before = open == ConvSlot::outputs ? other.g : other.x;
    const bool adds = open != ConvSlot::kernel && count == 2;
    std::vector<double> expected =
        adds ? before.to_vector() : std::vector<double>(reference(open, c, other).size());
    for (const Operands& term : sum) {
      const std::vector<double> one = reference(open, c, term);
      for (std::size_t i = 0; i < one.size(); ++i) expected[i] += one[i];
    }
    const auto got = run(open, c, sum, adds ? &before : nullptr, form).to_vector();
    BOOST_REQUIRE_EQUAL(got.size(), expected.size());
    const double tolerance = dtype == DType::f32 ? 1e-3 : 1e-11;
    for (std::size_t i = 0; i < got.size(); ++i)
      BOOST_REQUIRE_SMALL(got[i] - expected[i], tolerance);
  }
}

}  // namespace twice::testing
