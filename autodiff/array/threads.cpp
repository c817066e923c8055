// The loops' number of threads, and with it OpenMP's, which is that of OpenBLAS.
#include "autodiff/array/threads.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "autodiff/array/cpu_quota.h"

namespace twice {

namespace {

const int of_openmp = omp_get_max_threads();  // before `set_threads`: OMP_NUM_THREADS
std::atomic<int> count{0};                    // 0: not yet known
std::atomic<int> most_of_blas{1 << 20};

}  // namespace

void set_threads(int wanted) {
  const int allowed = std::clamp(wanted, 1, omp_get_thread_limit());
  count.store(allowed, std::memory_order_relaxed);
  omp_set_num_threads(std::min(allowed, most_of_blas.load(std::memory_order_relaxed)));
}

int threads() {
  if (count.load(std::memory_order_relaxed) == 0) set_threads(allowed_threads());
  return count.load(std::memory_order_relaxed);
}

int processors() {
  return std::max(1,
                  static_cast<int>(std::min<double>(omp_get_num_procs(), std::ceil(cpu_quota()))));
}

int allowed_threads() { return std::min({processors(), of_openmp, omp_get_thread_limit()}); }

void keep_blas_to_one_thread() {
  most_of_blas.store(1, std::memory_order_relaxed);
  omp_set_num_threads(1);
}

}  // namespace twice
