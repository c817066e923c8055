// The headline of a profile: what the loss, its gradient, H v in three ways and a step of every
// method cost, beside what they cost in theory and what the cheap ones give up.
#pragma once

#include "autodiff/profile/peak.h"
#include "experiments/commands/profile/measure.h"
#include "experiments/files/record.h"

namespace twice::experiments {

/// The rows' programs, all of them ready to run. Throws when they do not fit into memory at once.
std::vector<std::unique_ptr<RowProgram>> make_rows(const Problem& problem,
                                                   const std::vector<RowKind>& kinds);

/// Times the rows in turn for about `seconds`; the record's `rows` with times and counts, without
/// peak_share, memory and errors. docs/records.md has the fields.
Json time_rows(const Problem& problem, const std::vector<RowKind>& kinds,
               const std::vector<std::unique_ptr<RowProgram>>& programs, double seconds,
               const TimingProgress& progress);

/// Fills in each row's share of the peak.
void add_peak_share(Json& rows, const Peak& peak);

/// Fills in how far each row's result is from the exact one in float64, at the numbers that the
/// seed gives. `progress` is called after each row.
void add_errors(Json& rows, const Problem& problem, const std::vector<RowKind>& kinds,
                const std::function<void()>& progress);

/// Fills in the measured memory of each row.
void add_memory(Json& rows, const Problem& problem, const std::vector<RowKind>& kinds,
                const std::function<void()>& progress);

/// Median, fastest and quartiles of a row or step under the names that records have for them.
void add_times(Json& row, const std::vector<double>& ms);

}  // namespace twice::experiments
