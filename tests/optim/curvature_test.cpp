// Tests eigenvalues and traces computed from matrix-vector products alone, on quadratics with a
// known spectrum and on a small net whose Hessian is computed entry by entry.
#include "optim/curvature.h"

#include <boost/test/unit_test.hpp>

#include "autodiff/derive/dense.h"
#include "autodiff/ops/tensors.h"
#include "tests/ops/helpers.h"
#include "tests/optim/problem.h"

using namespace twice;
using twice::optim_test::Numbers;
using twice::optim_test::Problem;
using twice::testing::error_of;
using twice::testing::random_array;
using twice::testing::same_bits;

namespace {

/// 1/2 w'A w with A = Q diag(spectrum) Q. Q = I - 2 u u' is the reflection with a random unit
/// vector u.
struct Quadratic {
  Tape tape;
  Numbers spectrum;
  Array a, start;
  Tensor w, loss;

  explicit Quadratic(Numbers eigenvalues, DType dtype = DType::f64)
      : spectrum(std::move(eigenvalues)) {
    const auto n = static_cast<Index>(spectrum.size());
    const Numbers u = random_array({n}).to_vector();
    const double length = optim_test::norm(u);
    const auto q = [&](Index i, Index j) {
      return (i == j) - 2 * u[static_cast<std::size_t>(i)] * u[static_cast<std::size_t>(j)] /
                            (length * length);
    };
    a = Array({n, n}, dtype);
    for (Index i = 0; i < n; ++i)
      for (Index j = 0; j < n; ++j) {
        double sum = 0;
        for (Index k = 0; k < n; ++k)
          sum += q(i, k) * spectrum[static_cast<std::size_t>(k)] * q(k, j);
        a.set(i * n + j, sum);
      }
    start = random_array({n, 1}, dtype, 3);
    w = tape.parameter(start);
    loss = 0.5 * sum(w * matmul(tape.constant(a), w));
  }

  MatVec matvec() { return hessian_matvec(loss, w); }
  std::vector<Array> like() const { return {start}; }
};

/// The largest difference. Infinite if the counts differ.
double distance(const Numbers& a, const Numbers& b) {
  return twice::testing::distance(twice::testing::array_of(a), twice::testing::array_of(b));
}

double error_of_pair(const MatVec& matvec, const Eigenpair& pair) {
  std::vector<Array> out;
  for (const Array& part : pair.vector) out.emplace_back(part.shape(), part.dtype());
  matvec(pair.vector, out);
  const Numbers v = optim_test::numbers_of(pair.vector), hv = optim_test::numbers_of(out);
  return optim_test::norm(optim_test::combined(1, hv, -pair.value, v));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(curvature)

BOOST_AUTO_TEST_CASE(jacobi_rotations_solve_small_symmetric_matrices) {
  const SymmetricEigen two = symmetric_eigen({2, 1, 1, 2});
  BOOST_TEST(distance(two.values, Numbers{1, 3}) < 1e-12);
  const Index n = 12;
  const Numbers r = random_array({n, n}).to_vector();
  const auto at = [&](const Numbers& m, Index i, Index j) {
    return m[static_cast<std::size_t>(i * n + j)];
  };
  Numbers m;
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j) m.push_back(at(r, i, j) + at(r, j, i));
  const SymmetricEigen found = symmetric_eigen(m);
  BOOST_TEST(std::is_sorted(found.values.begin(), found.values.end()));
  double worst = 0;
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j) {
      double product = 0, rebuilt = 0;
      for (Index k = 0; k < n; ++k) {
        product += at(found.vectors, k, i) * at(found.vectors, k, j);
        rebuilt += at(found.vectors, i, k) * found.values[static_cast<std::size_t>(k)] *
                   at(found.vectors, j, k);
      }
      worst = std::max({worst, std::abs(product - (i == j)), std::abs(rebuilt - at(m, i, j))});
    }
  BOOST_TEST(worst < 1e-13);
  BOOST_TEST(error_of([] {
               symmetric_eigen({1, 2, 3});
             }) == "[symmetric_eigen] 3 numbers do not form a square matrix");
}

BOOST_AUTO_TEST_CASE(power_iteration_finds_the_eigenvalue_of_largest_size) {
  for (const Numbers& spectrum : {Numbers{1, -2, 3, 0.5, 10}, Numbers{1, -20, 3, 0.5, 10}}) {
    Quadratic problem(spectrum);
    const Eigenpair pair = power_iteration(problem.matvec(), problem.like(), Rng(1), {200, 1e-9});
    const double largest = spectrum[1] == -20 ? -20 : 10;
    BOOST_TEST(pair.value == largest, boost::test_tools::tolerance(1e-12));
    BOOST_TEST(pair.residual <= 2e-8);
    BOOST_TEST(error_of_pair(problem.matvec(), pair) <= 2.1e-8);
    BOOST_TEST(pair.products < 60);
  }
}

BOOST_AUTO_TEST_CASE(lanczos_finds_the_whole_spectrum_of_a_small_matrix) {
  Quadratic problem({-4, 1, 2, 3.5, 3.6, 50});
  const LanczosResult found = lanczos(problem.matvec(), problem.like(), Rng(2), {100, 0});
  BOOST_TEST(distance(found.values, Numbers{-4, 1, 2, 3.5, 3.6, 50}) < 1e-12);
  BOOST_TEST(found.top.products == 6);
  BOOST_TEST(found.top.residual < 1e-11);
  BOOST_TEST(error_of_pair(problem.matvec(), found.top) < 1e-11);
}

BOOST_AUTO_TEST_CASE(lanczos_stops_where_the_rest_is_invariant) {
  // With three different eigenvalues, the Krylov space of the start vector has dimension 3.
  Quadratic problem({2, 2, 2, 5, 5, 9, 9, 9});
  const LanczosResult found = lanczos(problem.matvec(), problem.like(), Rng(2), {100, 0});
  BOOST_TEST(distance(found.values, Numbers{2, 5, 9}) < 1e-12);
  BOOST_TEST(found.top.products == 3);
  BOOST_TEST(found.top.residual < 1e-12);
}

BOOST_AUTO_TEST_CASE(lanczos_needs_fewer_products_than_power_iteration) {
  Numbers spectrum;
  for (int i = 1; i <= 200; ++i) spectrum.push_back(i / 200.0);  // a gap of 0.5 %
  Quadratic problem(spectrum);
  const EigenOptions options{60, 1e-8};
  const LanczosResult fast = lanczos(problem.matvec(), problem.like(), Rng(3), options);
  const Eigenpair slow = power_iteration(problem.matvec(), problem.like(), Rng(3), options);
  BOOST_TEST(fast.top.value == 1, boost::test_tools::tolerance(1e-8));
  BOOST_TEST(slow.products == 60);
  BOOST_TEST(slow.value < 1 - 1e-4);
  // The residual bounds the error: an eigenvalue lies within it.
  BOOST_TEST(slow.residual >= 1e-4);
  for (std::size_t i = 0; i < fast.values.size(); ++i) {
    double nearest = 1;
    for (double value : spectrum) nearest = std::min(nearest, std::abs(value - fast.values[i]));
    BOOST_TEST(nearest <= fast.residuals[i] + 1e-13);
  }
}

BOOST_AUTO_TEST_CASE(the_trace_is_within_its_standard_error) {
  Quadratic problem({-4, 1, 2, 3.5, 3.6, 50});
  double off_diagonal = 0;
  for (Index i = 0; i < 36; ++i)
    if (i % 7 != 0) off_diagonal += problem.a.at(i) * problem.a.at(i);
  const int probes = 400;
  const TraceEstimate found = hutchinson_trace(problem.matvec(), problem.like(), Rng(4), probes);
  BOOST_TEST(found.standard_error > 0);
  BOOST_TEST(std::abs(found.trace - 56.1) < 4 * found.standard_error);
  // The variance of one probe is known: twice the sum of the squares off the diagonal.
  const double expected = std::sqrt(2 * off_diagonal / probes);
  BOOST_TEST(found.standard_error > 0.8 * expected);
  BOOST_TEST(found.standard_error < 1.25 * expected);
}

BOOST_AUTO_TEST_CASE(the_trace_of_a_diagonal_matrix_is_exact) {
  Tape tape;
  const Array d = random_array({3, 2});
  const Tensor w = tape.parameter(random_array({3, 2}, DType::f64, 2));
  const MatVec matvec = hessian_matvec(0.5 * sum(tape.constant(d) * square(w)), w);
  double trace = 0;
  for (double number : d.to_vector()) trace += number;
  const std::vector<Array> like{d};
  const TraceEstimate found = hutchinson_trace(matvec, like, Rng(5), 3);
  BOOST_TEST(found.trace == trace, boost::test_tools::tolerance(1e-14));
  BOOST_TEST(found.standard_error < 1e-14);
}

BOOST_AUTO_TEST_CASE(a_net_agrees_with_its_dense_hessian) {
  Problem net(2);
  const Tensor loss = net.loss(net.w);
  const SymmetricEigen exact = symmetric_eigen(evaluate(hessian(loss, net.w)).to_vector());
  const MatVec matvec = hessian_matvec(loss, net.w);
  double trace = 0, largest = 0;
  for (double number : exact.values) {
    trace += number;
    if (std::abs(number) > std::abs(largest)) largest = number;
  }
  const LanczosResult found = lanczos(matvec, net.arrays, Rng(6), {60, 1e-10});
  BOOST_TEST(found.top.value == exact.values.back(), boost::test_tools::tolerance(1e-10));
  // Lanczos also finds the smallest eigenvalue. Its residual bounds its error.
  BOOST_TEST(std::abs(found.values.front() - exact.values.front()) <= found.residuals.front());
  BOOST_TEST(found.residuals.front() < 1e-2);
  const Eigenpair pair = power_iteration(matvec, net.arrays, Rng(6), {500, 1e-8});
  BOOST_TEST(pair.value == largest, boost::test_tools::tolerance(1e-8));
  const TraceEstimate estimate = hutchinson_trace(matvec, net.arrays, Rng(6), 200);
  BOOST_TEST(std::abs(estimate.trace - trace) < 4 * estimate.standard_error);
  BOOST_TEST(estimate.standard_error < 0.1 * trace);
}

BOOST_AUTO_TEST_CASE(the_product_follows_the_parameters_and_the_batch) {
  Tape tape;
  const Array w = Array::scalar(2, DType::f64), batch = Array::scalar(10, DType::f64);
  const Tensor at = tape.parameter(w), x = tape.input({}, DType::f64);
  const MatVec matvec = hessian_matvec(x * at * at * at, at, {{x, batch}});  // 6 x w
  tape.clear();
  const std::vector<Array> v{Array::scalar(1, DType::f64)}, out{Array::scalar(0, DType::f64)};
  matvec(v, out);
  BOOST_TEST(out[0].item() == 120);
  w.set(0, 3);
  batch.set(0, 100);
  matvec(v, out);
  BOOST_TEST(out[0].item() == 1800);
}

BOOST_AUTO_TEST_CASE(a_gauss_newton_product_is_a_matvec_too) {
  Problem net(2);
  Tensors v;
  for (Tensor t : net.w) v.push_back(net.tape.input(t.shape(), t.dtype()));
  const Tensor hidden = matmul(net.x, net.w[0]) + net.w[1];
  const Tensor z = matmul(tanh(hidden), net.w[2]) + net.w[3];
  const MatVec matvec = planned_matvec(v, gauss_newton(z, mean(square(z - net.y)), net.w, v));
  const LanczosResult found = lanczos(matvec, net.arrays, Rng(7), {66, 0});
  // The Jacobian has 27 rows. So at most 27 eigenvalues are not 0, and none is negative.
  BOOST_TEST(found.values.front() > -1e-12);
  int positive = 0;
  for (double number : found.values) positive += number > 1e-9;
  BOOST_TEST(positive <= 27);
  BOOST_TEST(positive > 5);
}

BOOST_AUTO_TEST_CASE(float32_and_the_same_bits_at_any_thread_count) {
  Quadratic problem({-4, 1, 2, 3.5, 3.6, 50}, DType::f32);
  const MatVec matvec = problem.matvec();
  const LanczosResult found = lanczos(matvec, problem.like(), Rng(2));
  BOOST_TEST(found.top.value == 50, boost::test_tools::tolerance(1e-5));
  Problem net(3, DType::f32);
  const MatVec product = hessian_matvec(net.loss(net.w), net.w);
  BOOST_TEST(twice::testing::same_at_any_thread_count([&] {
    const LanczosResult spectrum = lanczos(product, net.arrays, Rng(8), {12, 0});
    Numbers all = spectrum.values;
    all.push_back(power_iteration(product, net.arrays, Rng(8), {12, 0}).value);
    all.push_back(hutchinson_trace(product, net.arrays, Rng(8), 4).trace);
    return twice::testing::array_of(all);
  }));
}

BOOST_AUTO_TEST_CASE(degenerate_cases_and_errors) {
  const std::vector<Array> like{Array::zeros({3}, DType::f64)};
  const MatVec zero = [](std::span<const Array> v, std::span<const Array> out) {
    copy(Array::zeros(v[0].shape(), DType::f64), out[0]);
  };
  BOOST_TEST(power_iteration(zero, like, Rng(1)).value == 0);
  BOOST_TEST(power_iteration(zero, like, Rng(1)).products == 1);
  BOOST_TEST(lanczos(zero, like, Rng(1)).top.value == 0);
  const MatVec broken = [](std::span<const Array> v, std::span<const Array> out) {
    copy(Array::filled(v[0].shape(), DType::f64, NAN), out[0]);
  };
  BOOST_TEST(error_of([&] { lanczos(broken, like, Rng(1)); }) ==
             "[lanczos] product 1 of the matrix is not finite");
  BOOST_TEST(error_of([&] { power_iteration(broken, like, Rng(1)); }) ==
             "[power_iteration] product 1 of the matrix is not finite");
  BOOST_TEST(error_of([&] { hutchinson_trace(zero, like, Rng(1), 1); }) ==
             "[hutchinson_trace] a standard error needs at least 2 probes, was given 1");
  BOOST_TEST(error_of([&] { lanczos(zero, {}, Rng(1)); }) ==
             "[lanczos] the 0 given arrays have no entries");
  Tape tape;
  const Tensor v = tape.input({2}, DType::f64), other = tape.input({3}, DType::f64);
  BOOST_TEST(error_of([&] { planned_matvec(v, 2 * other); }) ==
             "[matvec] tensor 0 of v is f64 (2), of the product f64 (3)");
}

BOOST_AUTO_TEST_SUITE_END()
