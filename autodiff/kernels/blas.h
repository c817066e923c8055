// Checks which OpenBLAS is loaded. The build with its own threads competes with OpenMP, and
// products would take three times as long.
#pragma once

#include <string>

#include "autodiff/array/array.h"

namespace twice::kernel {

/// The set of kernels that OpenBLAS has chosen, such as "SkylakeX" or "Haswell".
std::string blas_core();
/// The name, version and build of the library, for records.
std::string blas_description();
/// C = A B for f32 or f64 matrices, by OpenBLAS with its own threads. For comparison with our
/// products.
void blas_matmul(const Array& a, const Array& b, const Array& c);
/// Throws if the loaded OpenBLAS is not the OpenMP build.
void check_blas();

}  // namespace twice::kernel
