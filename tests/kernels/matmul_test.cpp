// Tests the product kernel against a triple loop, with every transpose, at sizes around its tiles.
#include "autodiff/kernels/matmul.h"

#include <boost/test/unit_test.hpp>

#include "tests/ops/helpers.h"

using namespace twice;
using namespace twice::kernel;
using namespace twice::testing;

namespace {

/// The largest error against a triple loop in f64, relative to the sum of the products' absolute
/// values.
double error_of_product(Index m, Index n, Index k, bool ta, bool tb, DType dtype) {
  const Array a = random_array(ta ? Shape{k, m} : Shape{m, k}, dtype);
  const Array b = random_array(tb ? Shape{n, k} : Shape{k, n}, dtype, 2);
  const Array c = Array::filled({m, n}, dtype, std::nan(""));  // must be overwritten
  matmul(a, b, ta, tb, c);
  const std::vector<double> x = a.to_vector(), y = b.to_vector(), z = c.to_vector();
  double worst = 0;
  for (Index i = 0; i < m; ++i)
    for (Index j = 0; j < n; ++j) {
      double sum = 0, size = 0;
      for (Index l = 0; l < k; ++l) {
        const double product = x[static_cast<std::size_t>(ta ? l * m + i : i * k + l)] *
                               y[static_cast<std::size_t>(tb ? j * k + l : l * n + j)];
        sum += product;
        size += std::abs(product);
      }
      const double error = std::abs(z[static_cast<std::size_t>(i * n + j)] - sum);
      if (!(error <= worst * size)) worst = error / std::max(size, 1e-300);
    }
  return worst;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(matmul_kernel)

BOOST_AUTO_TEST_CASE(every_transpose_at_many_sizes) {
  const struct {
    Index m, n, k;
  } sizes[] = {{1, 1, 1},    {1, 7, 3},    {5, 1, 9},     {3, 4, 1},    {17, 33, 65},
               {64, 10, 32}, {255, 5, 40}, {257, 259, 8}, {2, 513, 70}, {300, 3, 300}};
  for (const auto& [m, n, k] : sizes)
    for (int flags = 0; flags < 4; ++flags)
      for (DType dtype : {DType::f32, DType::f64})
        BOOST_TEST(error_of_product(m, n, k, flags & 1, flags & 2, dtype) <
                       (dtype == DType::f32 ? 1e-6 : 1e-14),
                   m << " x " << k << " x " << n << ", flags " << flags << " " << str(dtype));
}

BOOST_AUTO_TEST_CASE(empty_products) {
  const Array c = Array::filled({2, 3}, DType::f64, 7);
  matmul(Array({2, 0}, DType::f64), Array({0, 3}, DType::f64), false, false, c);
  BOOST_CHECK(same_bits(c, Array::zeros({2, 3}, DType::f64)));
  const Array none(Shape{0, 3}, DType::f64);
  matmul(Array({0, 4}, DType::f64), random_array({4, 3}), false, false, none);
  matmul(random_array({4, 3}), Array({4, 0}, DType::f64), true, false, Array({3, 0}, DType::f64));
}

BOOST_AUTO_TEST_CASE(products_have_the_same_bits_at_any_number_of_threads) {
  for (DType dtype : {DType::f32, DType::f64})
    for (int flags = 0; flags < 4; ++flags) {
      const bool ta = flags & 1, tb = flags & 2;
      const Array a = random_array(ta ? Shape{200, 530} : Shape{530, 200}, dtype);
      const Array b = random_array(tb ? Shape{270, 200} : Shape{200, 270}, dtype, 2);
      BOOST_TEST(same_at_any_thread_count([&] {
        const Array c({530, 270}, dtype);
        matmul(a, b, ta, tb, c);
        return c;
      }));
    }
}

BOOST_AUTO_TEST_CASE(long_products_of_few_tiles_have_the_same_bits_at_any_number_of_threads) {
  // At these sizes OpenBLAS with several threads would split the inner dimension.
  const std::vector<Shape> sizes = {
      {128, 128, 2048}, {64, 64, 4096}, {256, 256, 1024}, {3, 5, 100000}};
  for (DType dtype : {DType::f32, DType::f64})
    for (const Shape& size : sizes) {
      const Array a = random_array({size[0], size[2]}, dtype);
      const Array b = random_array({size[2], size[1]}, dtype, 2);
      BOOST_TEST(same_at_any_thread_count([&] {
        const Array c({size[0], size[1]}, dtype);
        matmul(a, b, false, false, c);
        return c;
      }));
    }
}

BOOST_AUTO_TEST_CASE(nan_shows_in_a_product_with_zero) {
  const Array a = Array::zeros({3, 20}, DType::f32), b = Array::zeros({20, 4}, DType::f32);
  b.set(4 * 7 + 2, std::nan(""));
  const Array c({3, 4}, DType::f32);
  matmul(a, b, false, false, c);
  for (Index row = 0; row < 3; ++row) BOOST_TEST(std::isnan(c.at(4 * row + 2)));
  BOOST_TEST(c.at(1) == 0);
}

BOOST_AUTO_TEST_CASE(sums_of_products_add_up) {
  for (DType dtype : {DType::f32, DType::f64})
    for (const auto& [m, n] : {std::pair<Index, Index>{3, 4}, {130, 70}, {300, 520}}) {
      const Array a = random_array({m, 50}, dtype), b = random_array({50, n}, dtype, 2),
                  c = random_array({20, m}, dtype, 3), d = random_array({n, 20}, dtype, 4),
                  t = random_array({m, n}, dtype, 5);
      const Array ab({m, n}, dtype), cd({m, n}, dtype);
      matmul(a, b, false, false, ab);
      matmul(c, d, true, true, cd);
      const Product products[] = {{&a, &b, false, false, 0.5}, {&c, &d, true, true, -2}};
      for (double beta : {0.0, 1.0, 3.0}) {
        // With beta = 0 the kernel must not read y, not even NaN.
        const Array y = beta == 0 ? Array::filled({m, n}, dtype, std::nan("")) : t.clone();
        sum_of_products(products, beta, y);
        const auto x1 = ab.to_vector(), x2 = cd.to_vector(), x3 = t.to_vector(), z = y.to_vector();
        double worst = 0;
        for (std::size_t i = 0; i < z.size(); ++i)
          worst = std::max(worst, std::abs(z[i] - (0.5 * x1[i] - 2 * x2[i] + beta * x3[i])));
        BOOST_TEST(worst < (dtype == DType::f32 ? 1e-4 : 1e-12));
      }
      BOOST_TEST(same_at_any_thread_count([&] {
        const Array y = t.clone();
        sum_of_products(products, 3, y);
        return y;
      }));
    }
}

BOOST_AUTO_TEST_CASE(gram_matrices_are_symmetric_to_the_bit) {
  for (DType dtype : {DType::f32, DType::f64})
    for (Index m : {1, 5, 32, 100, 128, 257, 600})
      for (bool transpose : {false, true}) {
        const Array a = random_array(transpose ? Shape{40, m} : Shape{m, 40}, dtype);
        const Array product({m, m}, dtype), symmetric = Array::filled({m, m}, dtype, std::nan(""));
        matmul(a, a, transpose, !transpose, product);
        gram(a, transpose, 1, symmetric);
        BOOST_TEST(distance(product, symmetric) < (dtype == DType::f32 ? 1e-4 : 1e-12), "m " << m);
        const std::vector<double> z = symmetric.to_vector();
        bool equal = true;
        for (Index i = 0; i < m; ++i)
          for (Index j = 0; j < i; ++j)
            equal = equal && z[static_cast<std::size_t>(i * m + j)] ==
                                 z[static_cast<std::size_t>(j * m + i)];
        BOOST_TEST(equal, "m " << m << " " << str(dtype));
        BOOST_TEST(same_at_any_thread_count([&] {
          const Array y({m, m}, dtype);
          gram(a, transpose, 0.5, y);
          return y;
        }));
      }
}

BOOST_AUTO_TEST_SUITE_END()
