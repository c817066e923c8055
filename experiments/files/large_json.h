// JSON of unknown size, read within limits.
#pragma once

#include <cstddef>
#include <string_view>

#include "experiments/files/json.h"

namespace twice::experiments {

struct JsonLimits {
  std::size_t values;   ///< numbers, texts, arrays and the rest that are kept, together
  std::size_t text;     ///< bytes of a text or a name
  std::size_t members;  ///< of an object
  std::size_t curve;    ///< of a longer array that is called "curve", so many to twice as many,
                        ///< evenly spaced, and its last element
};

/// The values in a value, itself among them.
std::size_t values_in(const Json& value);

/// As `Json::parse`. Throws an Error that is no JsonError, "has more than ...", where a limit is
/// met. What is kept takes less than 200 bytes a value and the bytes of its texts.
Json parse_within(std::string_view text, const JsonLimits& limits);

}  // namespace twice::experiments
