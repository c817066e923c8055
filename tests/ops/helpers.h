// Shared by the engine's tests: random numbers, exact comparisons, and the text of an error.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "autodiff/kernels/random.h"
#include "autodiff/plan/plan.h"
#include "autodiff/threads/threads.h"

namespace twice::testing {

inline constexpr double infinite = std::numeric_limits<double>::infinity(),
                        not_a_number = std::numeric_limits<double>::quiet_NaN();

/// Standard normal numbers, which depend only on the seed.
inline Array random_array(const Shape& shape, DType dtype = DType::f64, std::uint64_t seed = 1) {
  const Array result(shape, dtype);
  fill_normal(Rng(seed), 0, 1, result);
  return result;
}

inline Array array_of(const std::vector<double>& values, DType dtype = DType::f64) {
  return Array::from(values, {static_cast<Index>(values.size())}).cast(dtype);
}

/// True if shape, dtype and all bits are equal. So -0 differs from 0, and NaN equals itself.
inline bool same_bits(const Array& a, const Array& b) {
  if (!(a.shape() == b.shape()) || a.dtype() != b.dtype()) return false;
  const Array x = a.contiguous_copy(), y = b.contiguous_copy();
  return x.elements() == 0 || std::memcmp(x.raw(), y.raw(), x.bytes()) == 0;
}

inline double dot(const Array& a, const Array& b) {
  const auto u = a.to_vector(), v = b.to_vector();
  double sum = 0;
  for (std::size_t i = 0; i < u.size(); ++i) sum += u[i] * v[i];
  return sum;
}

/// The largest |a - b|. Infinite if the shapes differ or a number is NaN.
inline double distance(const Array& a, const Array& b) {
  if (!(a.shape() == b.shape())) return infinite;
  double worst = 0;
  for (Index i = 0; i < a.elements(); ++i) {
    const double d = std::abs(a.at(i) - b.at(i));
    if (!(d <= worst)) worst = d;
  }
  return std::isnan(worst) ? infinite : worst;
}

/// The text of the `Error` that f throws. Empty if f throws none.
template <class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

/// Sets the number of threads until the end of the scope.
class Threads {
 public:
  explicit Threads(int count) : before_(threads()) { set_threads(count); }
  ~Threads() { set_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

/// True if the Array `compute()` has the same bits with 1, 2 and 3 threads.
template <class F>
bool same_at_any_thread_count(F compute) {
  std::vector<Array> results;
  for (int count : {1, 2, 3}) {
    const Threads scope(count);
    results.push_back(compute());
  }
  return same_bits(results[0], results[1]) && same_bits(results[0], results[2]);
}

}  // namespace twice::testing
