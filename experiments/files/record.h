// Reading a record, the JSON that compare, train and the other commands write. A missing value, as
// of an old record, of a diverged run (NaN is null in JSON) or of a field that another command does
// not have, is shown as "-" and never an error.
#pragma once

#include <string>
#include <vector>

#include "experiments/files/json.h"

namespace twice::experiments {

/// The member of an object; null when it is missing or `object` is none.
const Json& member(const Json& object, const std::string& key);

/// The finite number under `key`, or under it in the member `metrics`, else NaN.
double number(const Json& object, const std::string& key);

/// A value as one line of text: strings without quotes, arrays as "a, b", null as "-".
std::string show(const Json& value);

/// `show` of a member, "-" when it is missing.
std::string text(const Json& object, const std::string& key);

// Numbers of a study's record as text; null is a missing number or, in a range, an open end.
std::string record_number(const Json& value);
std::string record_interval(const Json& interval);  ///< `1.2 to 3.4`
std::string record_range(const Json& range);        ///< `at most 1e-10`

/// The elements of an array that are objects; none when it is no array.
std::vector<Json> objects(const Json& array);
/// The elements of an array as numbers, NaN for other values; none of null.
std::vector<double> numbers(const Json& array);

}  // namespace twice::experiments
