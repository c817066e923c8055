// The number of threads is OpenMP's.
#include "autodiff/array/threads.h"

#include <omp.h>

#include <algorithm>

namespace twice {

void set_threads(int count) { omp_set_num_threads(std::max(count, 1)); }
int threads() { return omp_get_max_threads(); }
int processors() { return omp_get_num_procs(); }

}  // namespace twice
