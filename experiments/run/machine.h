// The machine that a result was measured on, for records.
#pragma once

#include <nlohmann/json.hpp>

namespace twice {

/// CPU, cores, memory, operating system, compiler, BLAS and the threads in effect.
nlohmann::json machine_record();

/// The header that every record starts with: command, version, machine.
nlohmann::json record_header(const std::string& command);

/// Restarts the program with OPENBLAS_CORETYPE set when OpenBLAS is older than the CPU and
/// would waste half of it (see autodiff/array/blas.h). Does nothing when it is set already.
void restart_with_better_blas(char** argv);

}  // namespace twice
