// Which core a thread runs on, and which ones it may use.
#pragma once

namespace twice {

/// The core that the calling thread runs on; -1: the system does not say.
int current_core();

/// Moves the calling thread from this core to another one, if it may use another one.
void leave_core(int core);

/// Lets the calling thread use all cores that the process could use when it started, even where the
/// thread that started it is bound to one of them.
void use_all_cores();

}  // namespace twice
