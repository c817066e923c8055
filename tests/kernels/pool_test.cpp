// Tests the pooling kernels against plain loops over every window. Also tests adjoint identities,
// ties, NaN, equal bits with any number of threads, and error messages.
#include "autodiff/kernels/pool.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "autodiff/threads/threads.h"
#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::kernel;
using namespace twice::testing;

namespace {

struct Pooling {
  Shape x;
  PoolGeometry geometry = {};
};

const std::vector<Pooling> poolings = {
    {{2, 8, 8, 16}},
    {{2, 7, 9, 3}},
    {{1, 1, 1, 4}, {1, 1, 0}},
    {{1, 1, 1, 4}, {3, 2, 1}},
    {{3, 6, 5, 1}, {3, 1, 1}},
    {{2, 9, 7, 10}, {3, 2, 1}},
    {{2, 9, 7, 10}, {3, 2, 2}},
    {{2, 9, 11, 70}, {2, 3, 1}},
    {{1, 8, 6, 130}, {4, 5, 0}},
    {{5, 28, 28, 8}, {28, 28, 0}},
    {{4, 4, 4, 2}, {1, 3, 0}},
    {{9, 33, 40, 33}, {2, 2, 0}},
    {{0, 4, 4, 2}},
};

std::string name(const Pooling& c) {
  return fmt::format("x {} window {} stride {} padding {}", str(c.x), c.geometry.window,
                     c.geometry.stride, c.geometry.padding);
}

Array random(const Shape& shape, DType dtype, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  Array array(shape, dtype);
  for (Index i = 0; i < array.elements(); ++i) array.set(i, normal(generator));
  return array;
}

/// Calls body(x element, y element, position in the image) for every cell of every window that is
/// not padding. Windows and cells come in row-major order.
template <class Body>
void for_each_cell(const Pooling& c, const Body& body) {
  const auto& [window, stride, padding] = c.geometry;
  const Shape y = pool2d_shape(c.x, c.geometry);
  for (Index n = 0; n < y[0]; ++n)
    for (Index oy = 0; oy < y[1]; ++oy)
      for (Index ox = 0; ox < y[2]; ++ox)
        for (Index channel = 0; channel < y[3]; ++channel)
          for (Index ky = 0; ky < window; ++ky)
            for (Index kx = 0; kx < window; ++kx) {
              const Index iy = oy * stride + ky - padding, ix = ox * stride + kx - padding;
              if (iy < 0 || iy >= c.x[1] || ix < 0 || ix >= c.x[2]) continue;
              body(((n * c.x[1] + iy) * c.x[2] + ix) * c.x[3] + channel,
                   ((n * y[1] + oy) * y[2] + ox) * y[3] + channel, iy * c.x[2] + ix);
            }
}

/// The results of all pooling kernels for one case with random data. Each output array is filled
/// with NaN or -1 first.
struct Results {
  Array x, g, average, average_adjoint, indices, gathered, scattered;

  Results(const Pooling& c, DType dtype) : Results(c, random(c.x, dtype, 1)) {}
  Results(const Pooling& c, const Array& images) : x(images) {
    const Shape y = pool2d_shape(c.x, c.geometry);
    g = random(y, x.dtype(), 2);
    average = Array::filled(y, x.dtype(), not_a_number);
    average_adjoint = Array::filled(c.x, x.dtype(), not_a_number);
    indices = Array::filled(y, DType::i32, -1);
    gathered = Array::filled(y, x.dtype(), not_a_number);
    scattered = Array::filled(c.x, x.dtype(), not_a_number);
    average_pool(x, c.geometry, average);
    average_pool_adjoint(g, c.geometry, average_adjoint);
    max_pool_indices(x, c.geometry, indices);
    pool_gather(x, indices, gathered);
    pool_scatter(g, indices, scattered);
  }
};

void check_close(const Array& got, const std::vector<double>& expected) {
  BOOST_REQUIRE_EQUAL(got.elements(), static_cast<Index>(expected.size()));
  const double tolerance = got.dtype() == DType::f32 ? 1e-5 : 1e-13;
  double worst = 0;
  for (Index i = 0; i < got.elements(); ++i) {
    const double error = std::abs(got.at(i) - expected[static_cast<std::size_t>(i)]);
    if (!(error <= worst)) worst = error;  // also true for NaN
  }
  BOOST_TEST(worst <= tolerance);
}

std::string message(const Shape& x, const PoolGeometry& geometry) {
  try {
    pool2d_shape(x, geometry);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pool)

BOOST_AUTO_TEST_CASE(kernels_equal_plain_loops) {
  for (const Pooling& c : poolings)
    for (DType dtype : {DType::f32, DType::f64}) BOOST_TEST_CONTEXT(name(c) << " " << str(dtype)) {
        const Results got(c, dtype);
        const auto x = got.x.to_vector(), g = got.g.to_vector();
        const auto cells = static_cast<double>(c.geometry.window * c.geometry.window);
        std::vector<double> average(g.size()), adjoint(x.size()), scattered(x.size());
        std::vector<double> most(g.size(), -INFINITY), indices(g.size());
        std::vector<std::size_t> winner(g.size());
        for_each_cell(c, [&](Index in, Index out, Index position) {
          const auto i = static_cast<std::size_t>(in), o = static_cast<std::size_t>(out);
          average[o] += x[i] / cells;
          adjoint[i] += g[o] / cells;
          if (x[i] <= most[o]) return;
          most[o] = x[i], winner[o] = i, indices[o] = static_cast<double>(position);
        });
        for (std::size_t o = 0; o < g.size(); ++o) scattered[winner[o]] += g[o];
        check_close(got.average, average);
        check_close(got.average_adjoint, adjoint);
        check_close(got.gathered, most);
        check_close(got.scattered, scattered);
        BOOST_TEST(got.indices.to_vector() == indices);
      }
}

BOOST_AUTO_TEST_CASE(adjoint_identities) {
  for (const Pooling& c : poolings) BOOST_TEST_CONTEXT(name(c)) {
      const Results got(c, DType::f64);
      const double scale = dot(got.x, got.x) + dot(got.g, got.g) + 1e-300;
      BOOST_TEST(std::abs(dot(got.average, got.g) - dot(got.x, got.average_adjoint)) <=
                 1e-14 * scale);
      // Gathering is linear if the indices are fixed. So these indices gather another image.
      const Array other = random(c.x, DType::f64, 7);
      const Array gathered(got.g.shape(), DType::f64);
      pool_gather(other, got.indices, gathered);
      BOOST_TEST(std::abs(dot(gathered, got.g) - dot(other, got.scattered)) <= 1e-14 * scale);
    }
}

BOOST_AUTO_TEST_CASE(ties_go_to_the_first_and_padding_never_wins) {
  const Pooling c{{1, 4, 4, 2}, {3, 2, 1}};
  for (double value : {0.0, -1.0, -std::numeric_limits<double>::infinity()}) {
    const Results got(c, Array::filled(c.x, DType::f32, value));
    BOOST_TEST(got.indices.to_vector() == (std::vector<double>{0, 0, 1, 1, 4, 4, 5, 5}));
    for (double most : got.gathered.to_vector()) BOOST_TEST(most == value);
  }
}

BOOST_AUTO_TEST_CASE(the_first_nan_is_the_maximum) {
  const Pooling c{{1, 2, 4, 1}};
  for (DType dtype : {DType::f32, DType::f64}) {
    const Array x = Array::filled(c.x, dtype, 1.0);
    x.set(3, INFINITY);
    x.set(1, not_a_number);
    x.set(4, not_a_number);
    x.set(6, not_a_number);
    const Results got(c, x);
    BOOST_TEST(got.indices.to_vector() == (std::vector<double>{1, 6}));
    BOOST_TEST(std::isnan(got.gathered.at(0)));
    BOOST_TEST(std::isnan(got.gathered.at(1)));
  }
}

BOOST_AUTO_TEST_CASE(bits_do_not_depend_on_the_thread_count) {
  const int before = threads();
  for (const Pooling& c : poolings) {
    set_threads(1);
    const Results one(c, DType::f32);
    for (int count : {2, 3}) {
      set_threads(count);
      const Results many(c, DType::f32);
      BOOST_TEST(same_bits(one.average, many.average), name(c));
      BOOST_TEST(same_bits(one.average_adjoint, many.average_adjoint), name(c));
      BOOST_TEST(same_bits(one.indices, many.indices), name(c));
      BOOST_TEST(same_bits(one.gathered, many.gathered), name(c));
      BOOST_TEST(same_bits(one.scattered, many.scattered), name(c));
    }
    set_threads(before);
  }
}

BOOST_AUTO_TEST_CASE(errors_name_the_fault) {
  BOOST_TEST(message({4, 4}, {}) ==
             "[pool2d] images need the shape (batch, height, width, channels), not (4, 4)");
  BOOST_TEST(message({1, 4, 4, 1}, {0, 1, 0}) ==
             "[pool2d] window and stride must be at least 1, but they are 0 and 1");
  BOOST_TEST(message({1, 4, 4, 1}, {2, 2, 2}) ==
             "[pool2d] padding must be at least 0 and less than the window of 2, but it is 2");
  BOOST_TEST(message({1, 4, 1, 1}, {}) ==
             "[pool2d] a window of 2 does not fit into images (1, 4, 1, 1) padded by 0");
  BOOST_TEST(message({1, 0, 4, 1}, {2, 2, 1}) ==
             "[pool2d] a window of 2 does not fit into images (1, 0, 4, 1) padded by 1");

  const Array x(Shape{1, 4, 4, 1}, DType::f32), y(Shape{1, 2, 2, 1}, DType::f32);
  const Array wrong(Shape{1, 2, 3, 1}, DType::f32), wide(Shape{1, 2, 2, 1}, DType::f64);
  const Array indices(Shape{1, 2, 2, 1}, DType::i32);
  BOOST_CHECK_THROW(average_pool(x, {}, wrong), Error);
  BOOST_CHECK_THROW(average_pool(x, {}, wide), Error);
  BOOST_CHECK_THROW(average_pool_adjoint(wrong, {}, x), Error);
  BOOST_CHECK_THROW(max_pool_indices(x, {}, y), Error);
  BOOST_CHECK_THROW(pool_gather(x, indices, wrong), Error);
  BOOST_CHECK_THROW(pool_gather(x, y, y), Error);
  BOOST_CHECK_THROW(pool_scatter(wide, indices, x), Error);
  BOOST_CHECK_THROW(average_pool(x.permuted({0, 2, 1, 3}), {}, y), Error);
}

BOOST_AUTO_TEST_SUITE_END()
