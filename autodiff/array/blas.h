// Which OpenBLAS is loaded. Two things silently cost a factor of 2 to 3: the build with
// its own threads, which fights with OpenMP, and a version that is older than the CPU.
#pragma once

#include <string>

namespace twice {

/// The kernel set that OpenBLAS chose, such as "SkylakeX" or "Haswell".
std::string blas_core();
/// Name, version and build of the library, for records.
std::string blas_description();
/// Throws when the loaded OpenBLAS is not the OpenMP build.
void check_blas();
/// OpenBLAS that is older than the CPU falls back to kernels without AVX-512. When the CPU
/// has AVX-512 and the loaded kernels do not use it: the value of the environment variable
/// OPENBLAS_CORETYPE that makes them, else "". OpenBLAS reads it only when it is loaded.
std::string better_blas_core();

}  // namespace twice
