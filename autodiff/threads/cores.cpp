// Affinity masks exist on Linux only. On other systems these functions do nothing.
#include "autodiff/threads/cores.h"

#include <omp.h>

#if defined(__linux__)
#include <sched.h>
#endif

#include <vector>

namespace twice {

#if defined(__linux__)
namespace {

/// The cores that the process may use. If OpenMP binds threads (OMP_PROC_BIND), the mask of the
/// first thread holds only one of them.
cpu_set_t cores_of_process() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  for (int place = 0; place < omp_get_num_places(); ++place) {
    std::vector<int> ids(static_cast<std::size_t>(omp_get_place_num_procs(place)));
    omp_get_place_proc_ids(place, ids.data());
    for (const int id : ids) CPU_SET(id, &cores);
  }
  if (CPU_COUNT(&cores) == 0 && ::sched_getaffinity(0, sizeof cores, &cores) != 0) CPU_ZERO(&cores);
  return cores;
}
// Read before `main`: later a thread that uses the team may be bound to some of the cores.
const cpu_set_t cores_at_start = cores_of_process();

}  // namespace
#endif

int current_core() {
#if defined(__linux__)
  return ::sched_getcpu();
#else
  return -1;
#endif
}

void leave_core([[maybe_unused]] int core) {
#if defined(__linux__)
  cpu_set_t allowed, others;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  others = allowed;
  CPU_CLR(core, &others);
  if (CPU_COUNT(&others) == 0) return;
  ::sched_setaffinity(0, sizeof others, &others);
  ::sched_setaffinity(0, sizeof allowed, &allowed);
#endif
}

void use_all_cores() {
#if defined(__linux__)
  if (CPU_COUNT(&cores_at_start) > 0)
    ::sched_setaffinity(0, sizeof cores_at_start, &cores_at_start);
#endif
}

}  // namespace twice
