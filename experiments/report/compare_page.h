// The page of a head-to-head: from the JSON record of `compare` to one self-contained page.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "experiments/files/record.h"

namespace twice::experiments {

/// The whole page.
std::string compare_html(const Json& record);

/// The same as a part of a larger page: `id` makes links to it possible. Its sentences are made
/// from the record alone; each is left out when the record lacks a number for it.
std::string compare_section(const Json& record, std::string_view title, std::string_view id);

/// "mlp-1024x4-b128-relu-f32 on digits", for titles and lists.
std::string record_name(const Json& record);

/// The slope d log(error) / d log(eps) of the part of a sweep where the error is due to the
/// finite step: the median between neighbouring points at larger eps than the smallest error's,
/// each with an error over ten times that one and under 0.3. NaN when there are no two such points.
double error_slope(const std::vector<double>& epsilons, const std::vector<double>& errors);

}  // namespace twice::experiments
