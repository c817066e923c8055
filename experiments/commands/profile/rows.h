// The headline of a profile: the loss, its gradient, H v in three ways and a training step of each
// method, with their times, counts, errors and memory: `rows` of the record (docs/records.md).
#pragma once

#include "experiments/files/record.h"
#include "experiments/measure/steps.h"

namespace twice::experiments {

/// Times the rows in turn for about `seconds`: the record's `rows` without peak_share, memory and
/// errors, which are null. Fails when the programs do not fit into memory at once. The result means
/// nothing after a stop.
Json time_rows(const Problem& problem, const std::vector<std::string>& methods, double seconds,
               const TimingProgress& progress);

/// A row with its times, counts and memory; what else a row of the record has is null.
Json timed_row(const std::string& name, const char* kind, const StepCost& cost);

/// Fills in how far each row's result is from the exact one in float64, at the numbers that the
/// seed gives. `progress` is called after each row.
void add_errors(Json& rows, const Problem& problem, const std::function<void()>& progress);

/// Fills in each row's memory, which this program measures when started anew, on random numbers of
/// the problem's shape.
void add_memory(Json& rows, const Problem& problem, const std::function<void()>& progress);

/// In that process, for a request that `add_memory` made: two numbers in MiB as text. First what
/// making a row and running it twice takes, batch, parameters and the optimiser's memory included;
/// then what its first run takes beyond what is there when it is made: its arena, if the kernels
/// take no memory of their own.
std::string row_memory_here(const std::string& request);

/// Median, fastest and quartiles of a row or step under the names that records have for them.
void add_times(Json& row, std::vector<double> ms);

}  // namespace twice::experiments
