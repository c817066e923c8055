// Which OpenBLAS is loaded: the build with its own threads, which fights with OpenMP, would
// silently cost a factor of 3.
#pragma once

#include <string>

#include "autodiff/array/array.h"

namespace twice::kernel {

/// The kernel set that OpenBLAS chose, such as "SkylakeX" or "Haswell".
std::string blas_core();
/// Name, version and build of the library, for records.
std::string blas_description();
/// C = A B of f32 or f64 matrices by OpenBLAS and its own threads: a yardstick for our products.
void blas_matmul(const Array& a, const Array& b, const Array& c);
/// Throws when the loaded OpenBLAS is not the OpenMP build.
void check_blas();

}  // namespace twice::kernel
