// The core that a thread runs on, and the cores that it may use.
#pragma once

namespace twice {

/// The core that the calling thread runs on; -1 if unknown.
int current_core();

/// Moves the calling thread off this core, if it may use another one.
void leave_core(int core);

/// Lets the calling thread use all cores that the process could use when it started, even if the
/// thread that started this one is bound to one core.
void use_all_cores();

}  // namespace twice
