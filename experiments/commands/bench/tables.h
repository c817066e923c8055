// What `bench` shows of its record: who races, a table for each model, the means.
#pragma once

#include "experiments/files/json.h"

namespace twice::experiments {

/// Threads and BLAS; the peer.
void print_start(const Json& record);

/// The rows of one model.
void print_model(const Json& rows);

/// For each method the geometric means over `rows` of the fields `ratio`, `ratio_to_gradient` and
/// `ratio_to_f_gr`, those that the rows have.
Json means_of(const Json& rows);

/// Ratios only: a line for each model, and the means.
void print_summary(const Json& record);

/// The best product that was seen in the run, ours and OpenBLAS's.
void print_peaks(const Json& record);

}  // namespace twice::experiments
