// The machine that a result was measured on, for records.
#pragma once

#include "experiments/files/json.h"

namespace twice {

/// CPU, cores, memory, operating system, compiler, BLAS and the threads in effect.
Json machine_record();

/// The caches of the first core: level, type, bytes, shared_by (cores). Empty where the system does
/// not say.
Json caches_record();

/// The header that every record starts with: command, version, machine.
Json record_header(const std::string& command);

}  // namespace twice
