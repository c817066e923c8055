// Tolerant access to JSON records.
#include "experiments/report/record.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

namespace twice {

const Json& member(const Json& object, const std::string& key) {
  static const Json null;
  if (!object.is_object()) return null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

double number(const Json& object, const std::string& key) {
  const Json& value = member(object, key);
  const double none = std::numeric_limits<double>::quiet_NaN();
  if (!value.is_number()) return none;
  const double result = value.get<double>();
  return std::isfinite(result) ? result : none;
}

std::string show(const Json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_number_float()) return fmt::format("{:.6g}", value.get<double>());
  if (value.is_object() || value.is_array()) {
    std::string line;
    for (const auto& [key, element] : value.items()) {
      if (!line.empty()) line += ", ";
      line += value.is_object() ? key + " " + show(element) : show(element);
    }
    return line.empty() ? "-" : line;
  }
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

std::vector<Json> objects(const Json& array) {
  std::vector<Json> result;
  if (array.is_array())
    for (const Json& element : array)
      if (element.is_object()) result.push_back(element);
  return result;
}

}  // namespace twice
