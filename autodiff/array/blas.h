// Which OpenBLAS is loaded: the build with its own threads, which fights with OpenMP, would
// silently cost a factor of 3.
#pragma once

#include <string>

namespace twice {

/// The kernel set that OpenBLAS chose, such as "SkylakeX" or "Haswell".
std::string blas_core();
/// Name, version and build of the library, for records.
std::string blas_description();
/// Throws when the loaded OpenBLAS is not the OpenMP build.
void check_blas();

}  // namespace twice
