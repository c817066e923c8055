// The report of a head-to-head: from the JSON record of `compare` to one self-contained page.
#pragma once

#include <string>
#include <string_view>

#include "experiments/files/record.h"

namespace twice::experiments {

/// The whole page.
std::string compare_html(const Json& record);

/// The same as parts of a larger page: `id` makes links to it possible.
std::string compare_section(const Json& record, std::string_view title, std::string_view id);

/// "mlp-1024x4-b128-relu-f32 on digits", for titles and lists.
std::string record_name(const Json& record);

}  // namespace twice::experiments
