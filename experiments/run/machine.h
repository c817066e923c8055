// The machine that a result was measured on, for records.
#pragma once

#include "autodiff/threads/team.h"
#include "experiments/files/json.h"

namespace twice::experiments {

/// CPU, cores, memory, operating system, compiler, BLAS and the threads in effect.
Json machine_record();

/// The caches of the first core: level, type, bytes, shared_by (cores). Empty where the system does
/// not say.
Json caches_record();

/// The team's work, for a record: the tiles of shared loops, the share of them that helpers
/// computed (0 when there are none), and how often other work took a helper's core.
Json team_record(const TeamUse& use = team_use());

/// What a record came from: date, host, the commit of the program and whether its files had other
/// changes when it was built, the command line, and the variables of the environment that matter.
Json origin_record();

/// The header that every record starts with: command, version, where it came from, machine.
Json record_header(const std::string& command);

}  // namespace twice::experiments
