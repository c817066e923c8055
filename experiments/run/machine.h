// Describes the machine and the origin of a result, for records.
#pragma once

#include "autodiff/threads/team.h"
#include "experiments/files/json.h"

namespace twice::experiments {

/// The memory of this machine, in bytes.
double memory_bytes();

/// CPU, cores, memory, operating system, compiler, BLAS and the threads in effect.
Json machine_record();

/// The caches of the first core: level, type, bytes, shared_by (cores). Empty if the system does
/// not report them.
Json caches_record();

/// The work of the thread team, for a record: the number of tiles in shared loops, the share of
/// them that helpers computed (0 if there are none), and the number of times that other work took a
/// helper's core.
Json team_record(const TeamUse& use = team_use());

/// The first fields of every record: command, version, machine, and the origin: the date, the host,
/// the commit of the program, whether its files had other changes when it was built, the command
/// line, and the environment variables that affect results.
Json record_header(const std::string& command);

}  // namespace twice::experiments
