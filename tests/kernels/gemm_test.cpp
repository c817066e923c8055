// Tests the single-threaded product kernel against three plain loops, at sizes just below and above
// those of its register tiles, panels and blocks.
#include "autodiff/kernels/gemm.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <tuple>
#include <vector>

#include "autodiff/kernels/random.h"

using namespace twice;
using namespace twice::kernel;

namespace {

template <class T>
std::vector<T> random_numbers(Index count, std::uint64_t seed) {
  const Array numbers({count}, dtype_of<T>);
  fill_normal(Rng(seed), 0, 1, numbers);
  return {numbers.data<T>(), numbers.data<T>() + count};
}

/// The operands of a product, with rows longer than necessary.
template <class T>
struct Product {
  Index m, n, k;
  bool ta, tb;
  Index lda = (ta ? m : k) + 3, ldb = (tb ? k : n) + 1, ldc = n + 2;
  std::vector<T> a = random_numbers<T>((ta ? k : m) * lda, 1);
  std::vector<T> b = random_numbers<T>((tb ? n : k) * ldb, 2);
  std::vector<T> c = random_numbers<T>(m * ldc, 3);

  T a_at(Index i, Index p) const { return a[ta ? p * lda + i : i * lda + p]; }
  T b_at(Index p, Index j) const { return b[tb ? j * ldb + p : p * ldb + j]; }
  std::vector<T> result(T alpha, T beta, bool lower = false) const {
    std::vector<T> out = c;
    gemm<T>(ta, tb, m, n, k, alpha, a.data(), lda, b.data(), ldb, beta, out.data(), ldc, lower);
    return out;
  }
};

template <class T>
void check_against_loops(const Product<T>& x, T alpha, T beta) {
  const Index m = x.m, n = x.n, k = x.k;
  const std::vector<T> c = x.result(alpha, beta);
  // The numbers are about 1, and the rounding error grows like sqrt(k).
  const double tolerance = 8 * std::numeric_limits<T>::epsilon() * (4 + std::sqrt(k) * 4);
  for (Index i = 0; i < m; ++i) {
    for (Index j = 0; j < n; ++j) {
      double sum = 0;
      for (Index p = 0; p < k; ++p) sum += double(x.a_at(i, p)) * double(x.b_at(p, j));
      const double expected = alpha * sum + beta * double(x.c[i * x.ldc + j]);
      if (!(std::abs(c[i * x.ldc + j] - expected) <= tolerance))
        BOOST_ERROR("(" << i << ", " << j << ") of " << m << " x " << n << " x " << k
                        << ", transposed " << x.ta << x.tb << ": " << c[i * x.ldc + j]
                        << ", expected " << expected);
    }
    for (Index j = n; j < x.ldc; ++j)
      BOOST_TEST(c[i * x.ldc + j] == x.c[i * x.ldc + j], "wrote behind row " << i);
  }
}

template <class T>
void check_against_loops(Index m, Index n, Index k, T alpha, T beta) {
  for (int flags = 0; flags < 4; ++flags)
    check_against_loops<T>(Product<T>{m, n, k, (flags & 1) != 0, (flags & 2) != 0}, alpha, beta);
}

}  // namespace

using Types = std::tuple<float, double>;

BOOST_AUTO_TEST_SUITE(gemm_kernel)

BOOST_AUTO_TEST_CASE_TEMPLATE(agrees_with_plain_loops_at_every_edge, T, Types) {
  for (Index m : {1, 5, 6, 7, 13})
    for (Index n : {1, 7, 8, 15, 16, 17, 63, 64, 65, 130})
      for (Index k : {1, 3, 16, 33}) check_against_loops<T>(m, n, k, T(1), T(0));
  check_against_loops<T>(97, 40, 50, T(-2), T(1));    // more than one band of A'
  check_against_loops<T>(7, 530, 20, T(0.5), T(-3));  // more than one block of columns
  check_against_loops<T>(8, 20, 192, T(1), T(0.5));   // one whole block of k, then one number more
  check_against_loops<T>(8, 20, 193, T(1), T(0.5));
  check_against_loops<T>(8, 20, 385, T(1), T(0));
  check_against_loops<T>(8, 20, 1000, T(1), T(1));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(rows_of_a_that_are_pages_apart_are_no_others, T, Types) {
  constexpr Index page = 4096 / sizeof(T);
  for (Index m : {5, 12, 15})
    for (Index n : {200, 800})
      check_against_loops<T>(Product<T>{m, n, 300, false, n == 800, page}, T(0.5), T(1));
  // With this many rows and blocks of columns, the kernel copies the rows.
  check_against_loops<T>(Product<T>{200, 700, 256, false, false, page}, T(0.5), T(1));
}

template <class T>
void check_lower(const Product<T>& x) {
  const std::vector<T> whole = x.result(T(1.5), T(0.5)), lower = x.result(T(1.5), T(0.5), true);
  Index wrong = 0;
  for (Index i = 0; i < x.m; ++i)
    for (Index j = 0; j <= std::min(i, x.n - 1); ++j)
      wrong += lower[i * x.ldc + j] != whole[i * x.ldc + j];
  BOOST_TEST(wrong == 0, wrong << " numbers differ of " << x.m << " x " << x.n << ", transposed "
                               << x.ta << x.tb);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(lower_leaves_nothing_out_below_the_diagonal, T, Types) {
  constexpr Index pages = 2 * 4096 / sizeof(T);
  for (int flags = 0; flags < 4; ++flags) {
    const bool ta = (flags & 1) != 0, tb = (flags & 2) != 0;
    for (Index m : {1, 6, 7, 40, 97})
      for (Index n : {1, 16, 33, 97, 530}) check_lower(Product<T>{m, n, 70, ta, tb});
    check_lower(Product<T>{700, 900, 300, ta, tb, pages});
  }
}

BOOST_AUTO_TEST_CASE(an_empty_sum_is_beta_c) {
  check_against_loops<float>(3, 4, 0, 1.f, 0.5f);
  check_against_loops<double>(3, 4, 0, 1., 0.);
}

BOOST_AUTO_TEST_CASE(with_beta_0_c_is_not_read) {
  Product<float> x{9, 70, 11, false, false};
  const std::vector<float> expected = x.result(1, 0);
  for (Index i = 0; i < x.m; ++i)
    std::fill_n(x.c.begin() + i * x.ldc, x.n, std::numeric_limits<float>::quiet_NaN());
  const std::vector<float> found = x.result(1, 0);
  for (Index i = 0; i < x.m; ++i)
    for (Index j = 0; j < x.n; ++j) BOOST_TEST(found[i * x.ldc + j] == expected[i * x.ldc + j]);
}

BOOST_AUTO_TEST_CASE(a_nan_stays_in_its_row_and_column) {
  for (bool in_a : {true, false}) {
    Product<float> x{14, 37, 20, false, false};
    (in_a ? x.a[5 * x.lda + 3] : x.b[3 * x.ldb + 5]) = std::numeric_limits<float>::quiet_NaN();
    const std::vector<float> c = x.result(1, 0);
    for (Index i = 0; i < x.m; ++i)
      for (Index j = 0; j < x.n; ++j)
        BOOST_TEST(std::isnan(c[i * x.ldc + j]) == ((in_a ? i : j) == 5));
  }
}

#if TWICE_GEMM
/// A part of a product: `m` rows from `i` and `n` columns from `j`.
struct Part {
  Index i, j, m, n;
};

template <class T>
void check_same_bits(const Product<T>& x, std::initializer_list<Part> parts) {
  const std::vector<T> whole = x.result(T(0.3), T(0.7));
  for (const auto [i, j, m, n] : parts) {
    std::vector<T> part = x.c;
    gemm<T>(x.ta, x.tb, m, n, x.k, T(0.3), x.a.data() + (x.ta ? i : i * x.lda), x.lda,
            x.b.data() + (x.tb ? j * x.ldb : j), x.ldb, T(0.7), part.data() + i * x.ldc + j, x.ldc);
    for (Index r = i; r < i + m; ++r)
      for (Index s = j; s < j + n; ++s) BOOST_TEST(part[r * x.ldc + s] == whole[r * x.ldc + s]);
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_number_has_the_same_bits_at_every_position, T, Types) {
  constexpr Index pages = 2 * 4096 / sizeof(T);
  for (int flags = 0; flags < 4; ++flags) {
    const bool ta = (flags & 1) != 0, tb = (flags & 2) != 0;
    check_same_bits(Product<T>{20, 150, 500, ta, tb}, {{7, 37, 9, 71}});
    // The kernel copies the rows of A in two portions, and several blocks share each copy.
    check_same_bits(Product<T>{800, 2200, 520, ta, tb, pages},
                    {{510, 650, 40, 30}, {770, 2170, 30, 30}});
  }
}
#endif

BOOST_AUTO_TEST_SUITE_END()
