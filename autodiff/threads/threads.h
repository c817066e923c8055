// The number of threads. The loops that use them are in parallel.h.
#pragma once

namespace twice {

/// Sets the number of threads of this process's parallel loops: at least 1, at most
/// OMP_THREAD_LIMIT. OpenBLAS gets the same number when this thread calls it.
void set_threads(int count);
/// The number that was set, by default `allowed_threads()`; smaller if the system refused to start
/// so many threads.
int threads();

/// The processors that this process could use when it started: the size of its affinity mask, but
/// at most the CPU quota of its container, rounded up.
int processors();
/// The threads that the environment allows: the least of `processors()`, OMP_NUM_THREADS and
/// OMP_THREAD_LIMIT.
int allowed_threads();

/// From now on OpenBLAS uses one thread when the calling thread calls it. Later calls of
/// `set_threads` do not change this.
void keep_blas_to_one_thread();

}  // namespace twice
