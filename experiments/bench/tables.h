// What `bench` shows of its record: who races, a table for each model, the means.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace twice {

/// Threads and BLAS; the peer.
void print_start(const nlohmann::json& record);

/// The rows of one model.
void print_model(const nlohmann::json& rows);

/// For each method the geometric means over `rows` of the fields `ratio`, `ratio_to_gradient` and
/// `ratio_to_f_gr`, those that the rows have.
nlohmann::json means_of(const nlohmann::json& rows);

/// Ratios only: a line for each model, and the means.
void print_summary(const nlohmann::json& record);

/// The best product that was seen in the run, ours and OpenBLAS's.
void print_peaks(const nlohmann::json& record);

}  // namespace twice
