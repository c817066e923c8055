// The number of threads, apart from the loops that use them (parallel.h).
#pragma once

namespace twice {

/// Threads that parallel loops use from now on in this process; at least 1.
void set_threads(int count);
int threads();
/// Processors that this process may use.
int processors();

}  // namespace twice
