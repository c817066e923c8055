// The measured peak of the product kernel.
#include "autodiff/profile/peak.h"

#include <chrono>

#include "autodiff/array/matmul.h"

namespace twice {

double measured_peak_gflops(DType dtype) {
  constexpr Index n = 1024;
  constexpr int repeats = 8;
  const Array a = Array::filled({n, n}, dtype, 0.5), b = Array::filled({n, n}, dtype, 0.25);
  const Array c({n, n}, dtype);
  double best = 0;
  for (int repeat = 0; repeat < repeats; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    matmul(a, b, false, false, c);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    best = std::max(best, 2.0 * n * n * n / seconds.count() / 1e9);
  }
  return best;
}

}  // namespace twice
