// ops.csv: the cost of each op as a table for spreadsheets, under the names of PyTorch's profiler.
#pragma once

#include "experiments/files/record.h"

namespace twice::experiments {

/// One line for each of the record's `ops`, longest self time first, all digits: Name, Self CPU %,
/// Self CPU ms, CPU total %, CPU total ms, CPU time avg ms, # of Calls (torch.profiler's
/// key_averages().table()), then products, FLOP, bytes, GF/s, GB/s, FLOP per byte, the bound and
/// the share of its time that the bound explains. What is not known is empty. Lines as in RFC 4180,
/// ended by a newline alone.
std::string ops_csv(const Json& record);

}  // namespace twice::experiments
