// Reads records, the JSON that compare, train and the other commands write. A missing value is
// shown as "-" and is never an error: an old record lacks newer fields, NaN of a diverged run is
// null in JSON, and each command has its own fields.
#pragma once

#include <string>
#include <vector>

#include "experiments/files/json.h"

namespace twice::experiments {

/// The member of an object. Null if the member is missing or `object` is not an object.
const Json& member(const Json& object, const std::string& key);

/// The finite number under `key` or, if there is no value, under `key` in the member `metrics`.
/// Otherwise NaN.
double number(const Json& object, const std::string& key);

/// A value as one line of text: strings without quotes, arrays as "a, b", null as "-".
std::string show(const Json& value);

/// `show` of a member; "-" if the member is missing.
std::string text(const Json& object, const std::string& key);

// Text for the numbers in a study's record. Null is a missing number or, in a range, an open end.
std::string record_number(const Json& value);
std::string record_interval(const Json& interval);  ///< `1.2 to 3.4`
std::string record_range(const Json& range);        ///< `at most 1e-10`

/// The elements of an array that are objects. Empty if `array` is not an array.
std::vector<Json> objects(const Json& array);
std::vector<Json> objects(const Json& object, const std::string& key);  ///< of a member
/// The elements of an array as numbers, with NaN for other values. Empty for null.
std::vector<double> numbers(const Json& array);
std::vector<double> numbers(const Json& object, const std::string& key);  ///< of a member

}  // namespace twice::experiments
