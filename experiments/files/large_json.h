// Parses JSON of unknown size, with limits on the size of the result.
#pragma once

#include <cstddef>
#include <string_view>

#include "experiments/files/json.h"

namespace twice::experiments {

struct JsonLimits {
  std::size_t values;   ///< values that are kept, of all types together
  std::size_t text;     ///< bytes of a string or a name
  std::size_t members;  ///< members of an object
  std::size_t curve;    ///< a longer array named "curve" is thinned: between this many and twice as
                        ///< many evenly spaced elements are kept, and the last element
};

/// Counts the values in a value, including the value itself.
std::size_t values_in(const Json& value);

/// Parses like `Json::parse`. If a limit is exceeded, throws an Error "has more than ..." that is
/// not a JsonError. The result takes less than 200 bytes per value, plus the bytes of its strings.
Json parse_within(std::string_view text, const JsonLimits& limits);

}  // namespace twice::experiments
