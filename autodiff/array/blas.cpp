// What the loaded OpenBLAS says of itself.
#include "autodiff/array/blas.h"

#include <cblas.h>

#include "autodiff/array/error.h"

namespace twice {

std::string blas_core() { return openblas_get_corename(); }

std::string blas_description() {
  std::string config = openblas_get_config();
  while (!config.empty() && config.back() == ' ') config.pop_back();
  return fmt::format("{}, kernels {}", config, blas_core());
}

void check_blas() {
  if (openblas_get_parallel() != OPENBLAS_OPENMP)
    fail("blas",
         "the OpenBLAS that was loaded is not its OpenMP build ({}), which would be about 3 times "
         "slower; install libopenblas-openmp-dev and build again",
         openblas_get_config());
}

}  // namespace twice
