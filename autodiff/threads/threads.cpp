#include "autodiff/threads/threads.h"

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "autodiff/threads/cpu_quota.h"

namespace twice {

namespace {

struct Environment {
  int processors =
      std::max(1, static_cast<int>(std::min<double>(omp_get_num_procs(), std::ceil(cpu_quota()))));
  int threads = std::min({processors, omp_get_max_threads(), omp_get_thread_limit()});
};

const Environment& environment() {
  static const Environment at_start;
  return at_start;
}
// Read before `main`: later the calling thread may be bound to some of the cores, and the program
// may have changed OpenMP's number of threads.
[[maybe_unused]] const Environment& known_at_start = environment();

std::atomic<int> count{0};  // 0: not yet known
std::atomic<bool> one_thread_for_blas{false};

}  // namespace

void set_threads(int wanted) {
  environment();
  const int allowed = std::clamp(wanted, 1, omp_get_thread_limit());
  count.store(allowed, std::memory_order_relaxed);
  omp_set_num_threads(one_thread_for_blas.load(std::memory_order_relaxed) ? 1 : allowed);
}

int threads() {
  int known = count.load(std::memory_order_relaxed);
  if (known == 0 && count.compare_exchange_strong(known, environment().threads))
    known = environment().threads;
  return known;
}

int processors() { return environment().processors; }
int allowed_threads() { return environment().threads; }

void keep_blas_to_one_thread() {
  environment();
  one_thread_for_blas.store(true, std::memory_order_relaxed);
  omp_set_num_threads(1);
}

}  // namespace twice
