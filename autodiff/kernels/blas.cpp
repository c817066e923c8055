#include "autodiff/kernels/blas.h"

#include <cblas.h>

#include "autodiff/array/error.h"

namespace twice::kernel {

std::string blas_core() { return openblas_get_corename(); }

std::string blas_description() {
  std::string config = openblas_get_config();
  while (!config.empty() && config.back() == ' ') config.pop_back();
  return fmt::format("{}, kernels {}", config, blas_core());
}

void blas_matmul(const Array& a, const Array& b, const Array& c) {
  const auto m = static_cast<int>(a.shape()[0]), k = static_cast<int>(a.shape()[1]),
             n = static_cast<int>(b.shape()[1]);
  const auto call = [&](auto function, auto one, const auto* from_a, const auto* from_b, auto* to) {
    function(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, one, from_a, k, from_b, n, 0, to,
             n);
  };
  if (c.dtype() == DType::f32)
    call(cblas_sgemm, 1.0F, a.data<float>(), b.data<float>(), c.data<float>());
  else
    call(cblas_dgemm, 1.0, a.data<double>(), b.data<double>(), c.data<double>());
}

void check_blas() {
  if (openblas_get_parallel() != OPENBLAS_OPENMP)
    fail("blas",
         "the loaded OpenBLAS ({}) is not the OpenMP build and would be about 3 times slower; "
         "install libopenblas-openmp-dev and build again",
         openblas_get_config());
}

}  // namespace twice::kernel
