// Reads JSON records; a missing value is not an error.
#include "experiments/files/record.h"

#include <fmt/format.h>
#include <cmath>

#include <limits>

namespace twice::experiments {

const Json& member(const Json& object, const std::string& key) {
  static const Json null;
  const Json* const found = object.find(key);
  return found ? *found : null;
}

double number(const Json& object, const std::string& key) {
  const Json& own = member(object, key);
  const Json& value = own.is_null() ? member(member(object, "metrics"), key) : own;
  const double none = std::numeric_limits<double>::quiet_NaN();
  if (!value.is_number()) return none;
  const double result = value.get<double>();
  return std::isfinite(result) ? result : none;
}

std::string show(const Json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_float()) return fmt::format("{:.6g}", value.get<double>());
  std::vector<std::string> parts;
  if (value.is_array())
    for (const Json& element : value) parts.push_back(show(element));
  if (value.is_object())
    for (const auto& [key, element] : value.members()) parts.push_back(key + " " + show(element));
  if (value.is_array() || value.is_object())
    return parts.empty() ? "-" : fmt::format("{}", fmt::join(parts, ", "));
  return value.dump();
}

std::string text(const Json& object, const std::string& key) { return show(member(object, key)); }

std::string record_number(const Json& value) {
  if (!value.is_number()) return "-";
  const double x = value.get<double>(), size = std::abs(x);
  return x == 0 || (size >= 1e-3 && size < 1e5) ? fmt::format("{:.4g}", x)
                                                : fmt::format("{:.2e}", x);
}

std::string record_interval(const Json& interval) {
  if (!interval.is_array() || interval.size() != 2) return "-";
  return record_number(interval[0]) + " to " + record_number(interval[1]);
}

std::string record_range(const Json& range) {
  if (!range.is_array() || range.size() != 2) return "-";
  if (range[0].is_null()) return "at most " + record_number(range[1]);
  if (range[1].is_null()) return "at least " + record_number(range[0]);
  return record_interval(range);
}

std::vector<double> numbers(const Json& array) {
  std::vector<double> values;
  for (const Json& value : array)
    values.push_back(value.is_number() ? value.get<double>() : std::nan(""));
  return values;
}

std::vector<Json> objects(const Json& array) {
  std::vector<Json> result;
  if (array.is_array())
    for (const Json& element : array)
      if (element.is_object()) result.push_back(element);
  return result;
}

std::vector<double> numbers(const Json& object, const std::string& key) {
  return numbers(member(object, key));
}

std::vector<Json> objects(const Json& object, const std::string& key) {
  return objects(member(object, key));
}

}  // namespace twice::experiments
