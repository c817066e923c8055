// The machine that a result was measured on, for records.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace twice {

/// CPU, cores, memory, operating system, compiler, BLAS and the threads in effect.
nlohmann::json machine_record();

/// The caches of the first core: level, type, bytes, shared_by (cores). Empty where the system does
/// not say.
nlohmann::json caches_record();

/// The header that every record starts with: command, version, machine.
nlohmann::json record_header(const std::string& command);

}  // namespace twice
