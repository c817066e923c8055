// What the machine can do at best: the bound beside which every speed is read.
#pragma once

#include "autodiff/array/dtype.h"

namespace twice {

/// GFLOP/s of the best of several products of two 1024 x 1024 matrices with the threads now in
/// effect, by the same kernel that plans use. Takes about 50 ms.
double measured_peak_gflops(DType dtype);

}  // namespace twice
