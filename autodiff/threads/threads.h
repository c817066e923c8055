// The number of threads, apart from the loops that use them (parallel.h).
#pragma once

namespace twice {

/// Threads that parallel loops use from now on in this process: at least 1, and no more than
/// OMP_THREAD_LIMIT. OpenBLAS, where the calling thread calls it, uses as many.
void set_threads(int count);
/// The number that was set, or `allowed_threads()`; fewer where the system refused to start them.
int threads();

/// Processors that this process may use, as it was when it started: those of its affinity mask, and
/// no more than the CPU quota of its container, rounded up.
int processors();
/// Threads that the environment allows: `processors()`, and no more than OMP_NUM_THREADS and
/// OMP_THREAD_LIMIT.
int allowed_threads();

/// From now on OpenBLAS computes with one thread where the calling thread calls it, whatever
/// `set_threads` is given.
void keep_blas_to_one_thread();

}  // namespace twice
