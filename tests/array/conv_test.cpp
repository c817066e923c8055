// The convolution kernels against seven plain loops in double, over many geometries, and
// against each other: the adjoint identities, equal bits at any thread count.
#include "autodiff/array/conv.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "autodiff/array/parallel.h"

using namespace twice;

namespace {

struct Case {
  Shape x, w;
  ConvGeometry geometry = {};
};

std::string name(const Case& c) {
  const auto& [stride, padding, dilation, groups] = c.geometry;
  return fmt::format("x {} w {} stride {} padding {} dilation {} groups {}", str(c.x), str(c.w),
                     stride, padding, dilation, groups);
}

const std::vector<Case> cases = {
    {{2, 6, 5, 3}, {3, 3, 3, 4}},
    {{2, 6, 5, 3}, {3, 3, 3, 4}, {.padding = 1}},
    {{2, 7, 6, 3}, {3, 3, 3, 16}, {.stride = 2, .padding = 1}},
    {{1, 28, 28, 1}, {5, 5, 1, 10}, {.padding = 2}},
    {{3, 8, 8, 16}, {3, 3, 16, 16}, {.padding = 1}},
    {{3, 9, 33, 16}, {3, 3, 16, 33}, {.padding = 1}},
    {{2, 8, 9, 10}, {3, 3, 10, 10}, {.padding = 1}},
    {{2, 5, 5, 8}, {3, 3, 8, 8}, {.padding = 1}},
    {{2, 5, 5, 7}, {3, 3, 7, 9}, {.padding = 2}},
    {{2, 11, 13, 32}, {3, 3, 32, 48}, {.padding = 1}},
    {{1, 10, 10, 17}, {3, 3, 17, 50}, {.stride = 2, .padding = 1}},
    {{3, 4, 4, 8}, {1, 1, 8, 24}},
    {{3, 5, 4, 8}, {1, 1, 8, 24}, {.stride = 2}},
    {{3, 5, 4, 2}, {1, 1, 2, 3}, {.stride = 3, .padding = 1}},
    {{2, 1, 1, 5}, {1, 1, 5, 2}},
    {{2, 1, 1, 5}, {3, 3, 5, 2}, {.padding = 1}},
    {{1, 1, 1, 1}, {1, 1, 1, 1}},
    {{9, 1, 1, 1}, {1, 1, 1, 1}},
    {{9, 3, 1, 2}, {3, 1, 2, 1}, {.padding = 1}},
    {{1, 1, 1, 2}, {1, 1, 2, 3}, {.padding = 3}},
    {{1, 2, 3, 2}, {2, 3, 2, 3}, {.padding = 5}},
    {{2, 9, 7, 2}, {3, 5, 2, 3}, {.padding = 1}},
    {{2, 9, 7, 2}, {2, 4, 2, 3}, {.stride = 2, .padding = 1}},
    {{2, 9, 8, 3}, {4, 1, 3, 5}, {.stride = 3}},
    {{2, 9, 9, 3}, {3, 3, 3, 4}, {.dilation = 2}},
    {{2, 9, 8, 3}, {3, 3, 3, 4}, {.padding = 3, .dilation = 3}},
    {{2, 10, 9, 3}, {3, 3, 3, 4}, {.stride = 2, .padding = 2, .dilation = 2}},
    {{2, 11, 12, 2}, {3, 2, 2, 3}, {.stride = 3, .padding = 2, .dilation = 2}},
    {{1, 13, 14, 2}, {3, 3, 2, 3}, {.stride = 4, .padding = 1, .dilation = 6}},
    {{1, 13, 14, 2}, {2, 2, 2, 3}, {.stride = 6, .padding = 3, .dilation = 4}},
    {{2, 7, 7, 6}, {3, 3, 3, 4}, {.padding = 1, .groups = 2}},
    {{2, 7, 7, 6}, {3, 3, 1, 12}, {.stride = 2, .padding = 1, .groups = 6}},
    {{2, 7, 6, 32}, {3, 3, 16, 64}, {.padding = 1, .groups = 2}},
    {{2, 9, 7, 40}, {3, 3, 10, 36}, {.stride = 2, .padding = 2, .dilation = 2, .groups = 4}},
    {{70, 5, 3, 2}, {3, 3, 2, 5}, {.padding = 1}},
    {{5, 17, 21, 4}, {5, 5, 4, 6}, {.stride = 2, .padding = 2}},
    {{2, 3, 200, 3}, {2, 7, 3, 5}, {.stride = 5}},
    {{0, 6, 6, 3}, {3, 3, 3, 4}, {.padding = 1}},
    // Positions for 16 blocks, whose weight gradients sum all rows of the kernel in one task.
    {{17, 16, 16, 2}, {3, 3, 2, 5}, {.padding = 1}},
    {{18, 33, 32, 1}, {3, 3, 1, 4}, {.stride = 2, .padding = 1, .dilation = 2}},
    {{20, 17, 17, 4}, {2, 3, 2, 6}, {.groups = 2}},
};

Array random(const Shape& shape, DType dtype, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  Array array(shape, dtype);
  for (Index i = 0; i < array.elements(); ++i) array.set(i, normal(generator));
  return array;
}

/// Calls body(i, j, k) for every product of x element i and w element j in y element k.
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

enum class Kernel { forward, input_grad, weight_grad };
const Kernel kernels[] = {Kernel::forward, Kernel::input_grad, Kernel::weight_grad};

/// The three members of one case's trilinear form.
struct Operands {
  Array x, w, g;
  Operands(const Case& c, DType dtype, std::uint64_t seed = 1)
      : x(random(c.x, dtype, seed)),
        w(random(c.w, dtype, seed + 1)),
        g(random(conv2d_shape(c.x, c.w, c.geometry), dtype, seed + 2)) {}
};

/// A copy in memory that ends where the array ends, so that sanitizers see a read behind it.
struct Exact {
  std::vector<std::byte> memory;
  Array array;
  explicit Exact(const Array& from)
      : memory(from.bytes()), array(Array::over(memory.data(), from.shape(), from.dtype())) {
    copy(from, array);
  }
};

std::size_t workspace_bytes(Kernel kernel, const Case& c, DType dtype, std::size_t terms) {
  return kernel == Kernel::forward ? conv2d_workspace(c.x, c.w, c.geometry, dtype, terms)
         : kernel == Kernel::input_grad
             ? conv2d_input_grad_workspace(c.x, c.w, c.geometry, dtype, terms)
             : conv2d_weight_grad_workspace(c.x, c.w, c.geometry, dtype);
}

/// Runs a kernel on a sum of terms, a workspace and an output full of NaN, and checks that it stays
/// inside. With `before`, the output holds that and grows.
Array run(Kernel kernel, const Case& c, std::span<const Operands> sum,
          const Array* before = nullptr) {
  const Operands& in = sum[0];
  const DType dtype = in.x.dtype();
  const Array& like = kernel == Kernel::forward ? in.g : kernel == Kernel::input_grad ? in.x : in.w;
  const Index space = static_cast<Index>(workspace_bytes(kernel, c, dtype, sum.size())) /
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
    terms.push_back(kernel == Kernel::forward      ? ConvTerm{&x, &w}
                    : kernel == Kernel::input_grad ? ConvTerm{&w, &g}
                                                   : ConvTerm{&x, &g});
  }
  if (kernel == Kernel::forward) conv2d(terms, c.geometry, out, workspace, before);
  if (kernel == Kernel::input_grad) conv2d_input_grad(terms, c.geometry, out, workspace, before);
  if (kernel == Kernel::weight_grad) conv2d_weight_grad(terms, c.geometry, out, workspace);
  for (Index i = 0; i < margin; ++i) {
    BOOST_REQUIRE(std::isnan(memory.at(space + i)));
    BOOST_REQUIRE(std::isnan(around.at(i)));
    BOOST_REQUIRE(std::isnan(around.at(margin + like.elements() + i)));
  }
  return out.clone();
}
Array run(Kernel kernel, const Case& c, const Operands& in) { return run(kernel, c, {&in, 1}); }

std::vector<double> reference(Kernel kernel, const Case& c, const Operands& in) {
  const auto x = in.x.to_vector(), w = in.w.to_vector(), g = in.g.to_vector();
  std::vector<double> dx(x.size()), dw(w.size()), y(g.size());
  for_each_product(c, [&](Index i, Index j, Index k) {
    const auto xi = static_cast<std::size_t>(i), wi = static_cast<std::size_t>(j),
               yi = static_cast<std::size_t>(k);
    y[yi] += x[xi] * w[wi];
    dx[xi] += g[yi] * w[wi];
    dw[wi] += x[xi] * g[yi];
  });
  return kernel == Kernel::forward ? y : kernel == Kernel::input_grad ? dx : dw;
}

double dot(const Array& a, const Array& b) {
  const auto u = a.to_vector(), v = b.to_vector();
  double sum = 0;
  for (std::size_t i = 0; i < u.size(); ++i) sum += u[i] * v[i];
  return sum;
}

bool same_bits(const Array& a, const Array& b) {
  return a.shape() == b.shape() && std::memcmp(a.raw(), b.raw(), a.bytes()) == 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(conv)

BOOST_AUTO_TEST_CASE(kernels_equal_seven_loops) {
  for (const Case& c : cases)
    for (DType dtype : {DType::f32, DType::f64})
      for (Kernel kernel : kernels) {
        BOOST_TEST_CONTEXT(name(c) << " " << str(dtype) << " kernel " << static_cast<int>(kernel)) {
          const Operands in(c, dtype);
          const auto expected = reference(kernel, c, in);
          const auto got = run(kernel, c, in).to_vector();
          BOOST_REQUIRE_EQUAL(got.size(), expected.size());
          // Sums of at most some thousand products of standard normals.
          const double tolerance = dtype == DType::f32 ? 1e-4 : 1e-12;
          double worst = 0;
          for (std::size_t i = 0; i < got.size(); ++i) {
            const double error = std::abs(got[i] - expected[i]);
            if (!(error <= worst)) worst = error;  // lets NaN through
          }
          BOOST_TEST(worst <= tolerance);
        }
      }
}

BOOST_AUTO_TEST_CASE(every_small_geometry_equals_seven_loops) {
  int tried = 0;
  for (Index stride : {1, 2, 3})
    for (Index padding : {0, 1, 2, 4})
      for (Index dilation : {1, 2, 3})
        for (Index kernel : {1, 2, 3})
          for (Index size : {1, 2, 5, 6}) {
            const Case c{
                {2, size, size + 1, 2}, {kernel, kernel, 1, 4}, {stride, padding, dilation, 2}};
            if ((kernel - 1) * dilation + 1 > size + 2 * padding) continue;
            ++tried;
            const Operands in(c, DType::f64);
            for (Kernel which : kernels) {
              const auto expected = reference(which, c, in);
              const auto got = run(which, c, in).to_vector();
              for (std::size_t i = 0; i < got.size(); ++i)
                BOOST_REQUIRE_MESSAGE(std::abs(got[i] - expected[i]) < 1e-12,
                                      name(c) << " kernel " << static_cast<int>(which));
            }
          }
  BOOST_TEST(tried > 300);
}

BOOST_AUTO_TEST_CASE(sums_equal_the_sum_of_seven_loops) {
  for (const Case& c : cases)
    for (DType dtype : {DType::f32, DType::f64})
      for (Kernel kernel : kernels)
        for (std::size_t count : {std::size_t{2}, most_convolutions}) {
          BOOST_TEST_CONTEXT(name(c) << " " << str(dtype) << " kernel " << static_cast<int>(kernel)
                                     << ", " << count << " terms") {
            std::vector<Operands> sum;
            for (std::size_t term = 0; term < count; ++term) sum.emplace_back(c, dtype, 10 * term);
            const Operands other(c, dtype, 99);
            const Array& before = kernel == Kernel::forward ? other.g : other.x;
            const bool adds = kernel != Kernel::weight_grad && count == 2;
            std::vector<double> expected =
                adds ? before.to_vector() : std::vector<double>(reference(kernel, c, other).size());
            for (const Operands& term : sum) {
              const std::vector<double> one = reference(kernel, c, term);
              for (std::size_t i = 0; i < one.size(); ++i) expected[i] += one[i];
            }
            const auto got = run(kernel, c, sum, adds ? &before : nullptr).to_vector();
            const double tolerance = dtype == DType::f32 ? 1e-3 : 1e-11;
            for (std::size_t i = 0; i < got.size(); ++i)
              BOOST_REQUIRE_SMALL(got[i] - expected[i], tolerance);
          }
        }
}

BOOST_AUTO_TEST_CASE(terms_of_other_shapes_and_too_many_are_refused) {
  const Case c{{1, 6, 6, 3}, {3, 3, 3, 4}, {.padding = 1}};
  const Operands in(c, DType::f32);
  const Array larger = random({2, 6, 6, 3}, DType::f32, 1);
  Array y = in.g.clone();
  std::vector<ConvTerm> terms(most_convolutions + 1, ConvTerm{&in.x, &in.w});
  BOOST_CHECK_THROW(conv2d(terms, c.geometry, y, nullptr), Error);
  BOOST_CHECK_THROW(conv2d({}, c.geometry, y, nullptr), Error);
  terms = {{&in.x, &in.w}, {&larger, &in.w}};
  BOOST_CHECK_THROW(conv2d(terms, c.geometry, y, nullptr), Error);
  // Of a weight gradient the images alone may have any batch.
  const Array more = random({2, 6, 6, 4}, DType::f32, 1);
  terms = {{&in.x, &in.g}, {&larger, &more}};
  Array w = in.w.clone();
  BOOST_CHECK_THROW(conv2d_weight_grad(terms, c.geometry, w, nullptr), Error);
}

BOOST_AUTO_TEST_CASE(the_three_kernels_are_one_trilinear_form) {
  for (const Case& c : cases) BOOST_TEST_CONTEXT(name(c)) {
      const Operands in(c, DType::f64);
      const double by_y = dot(run(Kernel::forward, c, in), in.g);
      const double by_x = dot(run(Kernel::input_grad, c, in), in.x);
      const double by_w = dot(run(Kernel::weight_grad, c, in), in.w);
      const double scale = std::sqrt(dot(in.x, in.x) * dot(in.w, in.w) * dot(in.g, in.g)) + 1e-300;
      BOOST_TEST(std::abs(by_y - by_x) <= 1e-13 * scale);
      BOOST_TEST(std::abs(by_y - by_w) <= 1e-13 * scale);
    }
}

BOOST_AUTO_TEST_CASE(bits_do_not_depend_on_the_thread_count) {
  const int before = threads();
  for (const Case& c : cases)
    for (Kernel kernel : kernels) {
      const Operands in(c, DType::f32);
      const Operands sum[] = {in, Operands(c, DType::f32, 4)};
      set_threads(1);
      const Array one = run(kernel, c, in), two = run(kernel, c, sum);
      for (int count : {2, 3}) {
        set_threads(count);
        BOOST_TEST(same_bits(one, run(kernel, c, in)), name(c) << " at " << count << " threads");
        BOOST_TEST(same_bits(two, run(kernel, c, sum)), name(c) << " at " << count << " threads");
      }
      set_threads(before);
    }
}

BOOST_AUTO_TEST_CASE(not_a_number_reaches_only_the_outputs_that_see_it) {
  for (Index channels : {1, 16}) {
    const Case c{{1, 6, 6, 1}, {3, 3, 1, channels}, {.padding = 1}};
    Operands in(c, DType::f32);
    in.x.set(0, std::numeric_limits<double>::quiet_NaN());
    const Array y = run(Kernel::forward, c, in);
    for (Index oy = 0; oy < 6; ++oy)
      for (Index ox = 0; ox < 6; ++ox)
        for (Index o = 0; o < channels; ++o) {
          const bool found = std::isnan(y.at((oy * 6 + ox) * channels + o));
          // Positions of few channels are computed together: there it may reach the neighbours.
          if (ox < 2 || channels == 16)
            BOOST_TEST(found == (oy < 2 && ox < 2));
          else if (oy >= 2)
            BOOST_TEST(!found);
        }
  }
}

BOOST_AUTO_TEST_CASE(not_a_number_stays_in_its_channel) {
  const double not_a_number = std::numeric_limits<double>::quiet_NaN();
  const Case c{{2, 6, 6, 6}, {3, 3, 3, 10}, {.padding = 1, .groups = 2}};
  Operands in(c, DType::f32);
  for (Index pixel = 0; pixel < 2 * 6 * 6; ++pixel) in.g.set(pixel * 10 + 5, not_a_number);
  const Array w = run(Kernel::weight_grad, c, in), x = run(Kernel::input_grad, c, in);
  for (Index i = 0; i < w.elements(); ++i) BOOST_TEST(std::isnan(w.at(i)) == (i % 10 == 5));
  for (Index i = 0; i < x.elements(); ++i) BOOST_TEST(std::isnan(x.at(i)) == (i % 6 >= 3));
}

BOOST_AUTO_TEST_CASE(an_empty_batch_has_a_zero_weight_gradient) {
  const Case c{{0, 6, 6, 3}, {3, 3, 3, 4}, {.padding = 1}};
  const Array w = run(Kernel::weight_grad, c, Operands(c, DType::f32));
  for (double value : w.to_vector()) BOOST_TEST(value == 0.0);
}

BOOST_AUTO_TEST_SUITE_END()
