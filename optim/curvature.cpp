#include "optim/curvature.h"

#include <cmath>
#include <numeric>

#include "autodiff/derive/grad.h"
#include "autodiff/threads/parallel.h"

namespace twice {

namespace {

using Vector = std::vector<Array>;

Vector vector_like(std::span<const Array> like) {
  Vector result;
  for (const Array& a : like) result.emplace_back(a.shape(), a.dtype());
  return result;
}

Index entries(std::span<const Array> like) {
  Index count = 0;
  for (const Array& a : like) count += a.elements();
  return count;
}

/// The inner product, added in f64 tile by tile: the same bits for every number of threads.
double dot(const Vector& x, const Vector& y) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    visit_float(x[i].dtype(), [&]<class T>(T) {
      const T *a = x[i].data<T>(), *b = y[i].data<T>();
      std::vector<double> partial(
          static_cast<std::size_t>(ceil_div(x[i].elements(), elements_per_tile)));
      parallel_ranges(x[i].elements(), elements_per_tile, [&](Index first, Index last) {
        double& part = partial[static_cast<std::size_t>(first / elements_per_tile)];
        for (Index k = first; k < last; ++k)
          part += static_cast<double>(a[k]) * static_cast<double>(b[k]);
      });
      for (double part : partial) sum += part;
    });
  return sum;
}

/// y <- scale x + keep y
void combine(double scale, const Vector& x, double keep, const Vector& y) {
  for (std::size_t i = 0; i < x.size(); ++i)
    visit_float(x[i].dtype(), [&]<class T>(T) {
      const T* from = x[i].data<T>();
      T* to = y[i].data<T>();
      // If `keep` is 0, y may be uninitialised, so it is not read.
      parallel_ranges(x[i].elements(), elements_per_tile, [&](Index first, Index last) {
        for (Index k = first; k < last; ++k)
          to[k] = static_cast<T>(scale * static_cast<double>(from[k]) +
                                 (keep == 0 ? 0 : keep * static_cast<double>(to[k])));
      });
    });
}

Vector random_unit(std::span<const Array> like, const Rng& rng) {
  const Vector v = vector_like(like);
  std::uint64_t drawn = 0;
  for (const Array& a : v)
    for (Index k = 0; k < a.elements(); ++k) a.set(k, rng.normal(drawn++));
  combine(1 / std::sqrt(dot(v, v)), v, 0, v);
  return v;
}

void check(const char* who, std::span<const Array> like, int products) {
  if (entries(like) == 0) fail(who, "the {} given arrays have no entries", like.size());
  for (std::size_t i = 0; i < like.size(); ++i)
    if (!is_float(like[i].dtype()))
      fail(who, "array {} is {}, not f32 or f64", i, str(like[i].dtype()));
  if (products < 1) fail(who, "needs at least 1 product, was given {}", products);
}

double finite(const char* who, double number, int products) {
  if (!std::isfinite(number)) fail(who, "product {} of the matrix is not finite", products);
  return number;
}

}  // namespace

MatVec planned_matvec(const Tensors& v, const Tensors& product, std::vector<Binding> inputs) {
  if (v.empty() || v.size() != product.size())
    fail("matvec", "a vector of {} tensors cannot have a product of {} tensors", v.size(),
         product.size());
  for (std::size_t i = 0; i < v.size(); ++i)
    if (!(v[i].spec() == product[i].spec()))
      fail("matvec", "tensor {} of v is {}, of the product {}", i, str(v[i].spec()),
           str(product[i].spec()));
  // A shared_ptr, because a std::function must be copyable and a Plan is not.
  const auto plan = std::make_shared<Plan>(Plan{product});
  return [plan, v, product, bindings = std::move(inputs)](std::span<const Array> from,
                                                          std::span<const Array> to) mutable {
    if (from.size() != v.size() || to.size() != v.size())
      fail("matvec", "vectors have {} arrays; {} and {} were given", v.size(), from.size(),
           to.size());
    const std::size_t others = bindings.size();
    for (std::size_t i = 0; i < v.size(); ++i) bindings.push_back({v[i], from[i]});
    plan->run(bindings);
    bindings.resize(others);
    for (std::size_t i = 0; i < v.size(); ++i) copy(plan->value(product[i]), to[i]);
  };
}

MatVec hessian_matvec(Tensor loss, const Tensors& w, std::vector<Binding> inputs) {
  Tensors v;
  for (Tensor t : w) v.push_back(loss.tape().input(t.shape(), t.dtype(), "v"));
  return planned_matvec(v, grad(grad(loss, w), w, v), std::move(inputs));
}

Eigenpair power_iteration(const MatVec& matvec, std::span<const Array> like, const Rng& rng,
                          const EigenOptions& options) {
  check("power_iteration", like, options.products);
  Eigenpair pair;
  pair.vector = random_unit(like, rng);
  const Vector product = vector_like(like), difference = vector_like(like);
  while (true) {
    matvec(pair.vector, product);
    ++pair.products;
    pair.value = finite("power_iteration", dot(pair.vector, product), pair.products);
    // Computed from the difference itself, because |H v|^2 - value^2 would cancel.
    combine(1, product, 0, difference);
    combine(-pair.value, pair.vector, 1, difference);
    pair.residual = std::sqrt(dot(difference, difference));
    const double length = std::sqrt(dot(product, product));
    if (pair.residual <= options.tolerance * std::abs(pair.value) || length == 0 ||
        pair.products == options.products)
      return pair;
    combine(1 / length, product, 0, pair.vector);
  }
}

LanczosResult lanczos(const MatVec& matvec, std::span<const Array> like, const Rng& rng,
                      const EigenOptions& options) {
  check("lanczos", like, options.products);
  const int most = static_cast<int>(std::min<Index>(options.products, entries(like)));
  std::vector<Vector> basis{random_unit(like, rng)};
  std::vector<double> alpha, beta;
  LanczosResult result;
  double scale = 0;
  while (true) {
    const Vector next = vector_like(like);
    matvec(basis.back(), next);
    const auto size = basis.size();
    const double length = std::sqrt(dot(next, next));
    finite("lanczos", length, static_cast<int>(size));
    scale = std::max(scale, length);
    alpha.push_back(dot(basis.back(), next));
    // Orthogonalises against the whole basis, not only the last two vectors, and twice. Otherwise
    // rounding would bring back found eigenvectors, and their eigenvalues would be reported again.
    for (int pass = 0; pass < 2; ++pass)
      for (const Vector& q : basis) combine(-dot(q, next), q, 1, next);
    beta.push_back(std::sqrt(dot(next, next)));

    const double rounding = like[0].dtype() == DType::f32 ? 0x1p-24 : 0x1p-53;
    const bool invariant = beta.back() <= 16 * rounding * scale;
    const bool last = invariant || static_cast<int>(size) == most;
    // The rotations cost size^3, so the eigenvalues are computed only at every fifth step.
    if (last || size % 5 == 0) {
      std::vector<double> tridiagonal(size * size, 0);
      for (std::size_t i = 0; i < size; ++i) {
        tridiagonal[i * size + i] = alpha[i];
        if (i + 1 < size) tridiagonal[i * size + i + 1] = tridiagonal[(i + 1) * size + i] = beta[i];
      }
      const SymmetricEigen eigen = symmetric_eigen(std::move(tridiagonal));
      result.values = eigen.values;
      result.residuals.clear();
      for (std::size_t i = 0; i < size; ++i)
        result.residuals.push_back(beta.back() * std::abs(eigen.vectors[(size - 1) * size + i]));
      if (last || result.residuals.back() <= options.tolerance * std::abs(result.values.back())) {
        result.top = {result.values.back(), vector_like(like), result.residuals.back(),
                      static_cast<int>(size)};
        for (std::size_t k = 0; k < size; ++k)
          combine(eigen.vectors[k * size + size - 1], basis[k], k > 0, result.top.vector);
        return result;
      }
    }
    combine(1 / beta.back(), next, 0, next);
    basis.push_back(next);
  }
}

TraceEstimate hutchinson_trace(const MatVec& matvec, std::span<const Array> like, const Rng& rng,
                               int probes) {
  check("hutchinson_trace", like, probes);
  if (probes < 2)
    fail("hutchinson_trace", "a standard error needs at least 2 probes, was given {}", probes);
  const Vector v = vector_like(like), product = vector_like(like);
  std::vector<double> samples;
  std::uint64_t drawn = 0;
  for (int probe = 0; probe < probes; ++probe) {
    for (const Array& a : v)
      for (Index k = 0; k < a.elements(); ++k) a.set(k, rng.bits(drawn++) >> 31 ? 1 : -1);
    matvec(v, product);
    samples.push_back(finite("hutchinson_trace", dot(v, product), probe + 1));
  }
  TraceEstimate estimate;
  for (double sample : samples) estimate.trace += sample / probes;
  double squares = 0;
  for (double sample : samples) squares += (sample - estimate.trace) * (sample - estimate.trace);
  estimate.standard_error = std::sqrt(squares / (probes - 1) / probes);
  return estimate;
}

SymmetricEigen symmetric_eigen(std::vector<double> a) {
  const auto n = static_cast<std::size_t>(std::llround(std::sqrt(static_cast<double>(a.size()))));
  if (n * n != a.size())
    fail("symmetric_eigen", "{} numbers do not form a square matrix", a.size());
  std::vector<double> vectors(n * n, 0);
  for (std::size_t i = 0; i < n; ++i) vectors[i * n + i] = 1;
  double all = 0;
  for (double number : a) all += number * number;
  if (!std::isfinite(all)) fail("symmetric_eigen", "the matrix is not finite");

  // Cyclic sweeps. Each rotation makes one pair of entries 0; the convergence becomes quadratic.
  for (int sweep = 0; sweep < 60; ++sweep) {
    double off = 0;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t j = i + 1; j < n; ++j) off += a[i * n + j] * a[i * n + j];
    if (off <= all * 1e-34) break;
    for (std::size_t p = 0; p < n; ++p)
      for (std::size_t q = p + 1; q < n; ++q) {
        const double apq = a[p * n + q];
        if (apq == 0) continue;
        // The smaller root t = tan(angle) of t^2 + 2 theta t - 1 = 0.
        const double theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
        const double t = std::copysign(1, theta) / (std::abs(theta) + std::hypot(theta, 1));
        const double c = 1 / std::sqrt(t * t + 1), s = t * c;
        const auto rotate = [&](double& x, double& y) {
          const double before = x;
          x = c * before - s * y;
          y = s * before + c * y;
        };
        for (std::size_t k = 0; k < n; ++k) rotate(a[k * n + p], a[k * n + q]);
        for (std::size_t k = 0; k < n; ++k) rotate(a[p * n + k], a[q * n + k]);
        for (std::size_t k = 0; k < n; ++k) rotate(vectors[k * n + p], vectors[k * n + q]);
      }
  }

  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t i, std::size_t j) { return a[i * n + i] < a[j * n + j]; });
  SymmetricEigen result{{}, std::vector<double>(n * n)};
  for (std::size_t i = 0; i < n; ++i) {
    result.values.push_back(a[order[i] * n + order[i]]);
    for (std::size_t k = 0; k < n; ++k) result.vectors[k * n + i] = vectors[k * n + order[i]];
  }
  return result;
}

}  // namespace twice
