// The headline of a profile: the loss, its gradient, H v in three ways and a training step of each
// method, with their times, counts, errors and memory. These are the `rows` of the record
// (docs/records.md).
#pragma once

#include "experiments/files/record.h"
#include "experiments/measure/steps.h"

namespace twice::experiments {

/// Times the rows in turn for about `seconds`. Returns the record's `rows`, in which peak_share,
/// memory and errors are null. Fails if the programs together do not fit into memory. The result is
/// meaningless after a stop.
Json time_rows(const Problem& problem, const std::vector<std::string>& methods, double seconds,
               const TimingProgress& progress);

/// A row with its times, counts and memory. All other fields of the row are null.
Json timed_row(const std::string& name, const char* kind, const StepCost& cost);

/// Fills in the distance of each row's result from the exact result in float64, at the parameters
/// that the seed gives. `progress` is called after each row.
void add_errors(Json& rows, const Problem& problem, const std::function<void()>& progress);

/// Fills in each row's memory. A new process of this program measures it on random numbers of the
/// problem's shape.
void add_memory(Json& rows, const Problem& problem, const std::function<void()>& progress);

/// Answers a request of `add_memory` in that process with two numbers in MiB as text. The first is
/// the memory for making a row and running it twice, including the batch, the parameters and the
/// optimiser's memory. The second is the memory that the first run adds after the row exists. It
/// equals the arena if the kernels allocate no memory.
std::string row_memory_here(const std::string& request);

/// Adds the median, minimum and quartiles of a row or step under their names in records.
void add_times(Json& row, std::vector<double> ms);

}  // namespace twice::experiments
