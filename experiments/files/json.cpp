// JSON values: reading, changing, comparing.
#include "experiments/files/json.h"

#include <algorithm>
#include <cmath>
#include <ostream>
#include <utility>

namespace twice::experiments {

namespace {

template <class T>
std::partial_ordering compare_lists(const T& a, const T& b) {
  return std::lexicographical_compare_three_way(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace

Json::Json() = default;
Json::Json(const char* text) : value_(std::string(text)) {}
Json::Json(std::string text) : value_(std::move(text)) {}
Json::Json(std::string_view text) : value_(std::string(text)) {}
Json::Json(Array elements) : value_(std::move(elements)) {}
Json::Json(Object members) : value_(std::move(members)) {}
Json::Json(const Json& other) = default;
Json::Json(Json&& other) noexcept : value_(std::exchange(other.value_, std::monostate())) {}
Json::~Json() = default;

Json::Json(std::initializer_list<Json> elements) {
  const auto is_member = [](const Json& e) {
    return e.is_array() && e.size() == 2 && e[0].is_string();
  };
  if (!std::all_of(elements.begin(), elements.end(), is_member)) {
    value_ = Array(elements);
    return;
  }
  Object& members = value_.emplace<Object>();
  for (const Json& e : elements) members.emplace(e[0].string(), e[1]);
}

Json& Json::operator=(Json other) noexcept {
  value_ = std::move(other.value_);
  return *this;
}

Json Json::array(std::initializer_list<Json> elements) { return Array(elements); }

void Json::set_boolean(bool value) { value_ = value; }
void Json::set_integer(std::int64_t value) { value_ = value; }
void Json::set_number(double value) { value_ = value; }
void Json::set_unsigned(std::uint64_t value) {
  if (std::in_range<std::int64_t>(value))
    value_ = static_cast<std::int64_t>(value);
  else
    value_ = value;
}

void Json::refuse(const char* expected) const {
  constexpr const char* names[] = {"null",     "a boolean", "a number", "a number",
                                   "a number", "a string",  "an array", "an object"};
  throw JsonError(fmt::format("expected {}, found {}", expected, names[value_.index()]));
}

bool Json::is_unsigned() const {
  return kind() == Kind::large || (kind() == Kind::integer && std::get<std::int64_t>(value_) >= 0);
}

void Json::get_to(bool& value) const {
  if (!is_boolean()) refuse("a boolean");
  value = std::get<bool>(value_);
}

void Json::get_to(double& value) const {
  if (is_float())
    value = std::get<double>(value_);
  else if (kind() == Kind::integer)
    value = static_cast<double>(std::get<std::int64_t>(value_));
  else if (kind() == Kind::large)
    value = static_cast<double>(std::get<std::uint64_t>(value_));
  else
    refuse("a number");
}

void Json::get_to(float& value) const { value = static_cast<float>(get<double>()); }

std::int64_t Json::integer(std::int64_t low, std::int64_t high) const {
  if (!is_number()) refuse("a number");
  std::int64_t value = 0;
  bool whole = kind() == Kind::integer;
  if (whole) value = std::get<std::int64_t>(value_);
  if (is_float()) {
    // 2^63 is a double; the largest int64 is none.
    const double number = std::get<double>(value_), limit = std::ldexp(1.0, 63);
    whole = number >= -limit && number < limit && number == std::trunc(number);
    if (whole) value = static_cast<std::int64_t>(number);
  }
  if (!whole || value < low || value > high)
    throw JsonError(
        fmt::format("expected a whole number from {} to {}, found {}", low, high, dump()));
  return value;
}

std::uint64_t Json::unsigned_integer(std::uint64_t high) const {
  if (kind() == Kind::large && high == std::numeric_limits<std::uint64_t>::max())
    return std::get<std::uint64_t>(value_);
  constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::uint64_t>(
      integer(0, std::in_range<std::int64_t>(high) ? static_cast<std::int64_t>(high) : largest));
}

const std::string& Json::string() const {
  if (!is_string()) refuse("a string");
  return std::get<std::string>(value_);
}

const Json::Array& Json::elements() const {
  static const Array none;
  if (is_null()) return none;
  if (!is_array()) refuse("an array");
  return std::get<Array>(value_);
}

Json::Array& Json::elements() {
  if (is_null()) value_ = Array();
  if (!is_array()) refuse("an array");
  return std::get<Array>(value_);
}

const Json::Object& Json::members() const {
  static const Object none;
  if (is_null()) return none;
  if (!is_object()) refuse("an object");
  return std::get<Object>(value_);
}

Json::Object& Json::members() {
  if (is_null()) value_ = Object();
  if (!is_object()) refuse("an object");
  return std::get<Object>(value_);
}

const Json& Json::at(std::size_t index) const {
  const Array& array = elements();
  if (index >= array.size())
    throw JsonError(fmt::format("there is no element {} among {}", index, array.size()));
  return array[index];
}

const Json& Json::at(std::string_view key) const {
  if (!is_object()) refuse("an object");
  const Json* const found = find(key);
  if (!found) throw JsonError(fmt::format("there is no member '{}'", key));
  return *found;
}

Json& Json::at(std::size_t index) { return const_cast<Json&>(std::as_const(*this).at(index)); }
Json& Json::at(std::string_view key) { return const_cast<Json&>(std::as_const(*this).at(key)); }

Json& Json::operator[](const std::string& key) { return members()[key]; }

const Json* Json::find(std::string_view key) const {
  if (!is_object()) return nullptr;
  const Object& object = std::get<Object>(value_);
  const auto found = object.find(std::string(key));
  return found == object.end() ? nullptr : &found->second;
}

std::size_t Json::size() const {
  return is_object() ? members().size() : is_array() || is_null() ? elements().size() : 1;
}

void Json::push_back(Json element) { elements().push_back(std::move(element)); }

void Json::erase(std::string_view key) { members().erase(std::string(key)); }

void Json::erase(std::size_t index) {
  at(index);  // there must be one
  elements().erase(elements().begin() + static_cast<std::ptrdiff_t>(index));
}

void Json::update(const Json& object) {
  for (const auto& [key, value] : object.members()) (*this)[key] = value;
}

std::partial_ordering operator<=>(const Json& a, const Json& b) {
  constexpr int ranks[] = {0, 1, 2, 2, 2, 5, 4, 3};  // by Kind
  const int rank = ranks[a.value_.index()];
  if (const auto order = rank <=> ranks[b.value_.index()]; order != 0) return order;
  if (a.is_number() && a.kind() != b.kind()) {
    if (a.is_float() || b.is_float()) return a.get<double>() <=> b.get<double>();
    return a.kind() <=> b.kind();  // large is larger
  }
  if (a.is_array()) return compare_lists(a.elements(), b.elements());
  if (a.is_object()) return compare_lists(a.members(), b.members());
  return a.value_ <=> b.value_;
}

std::ostream& operator<<(std::ostream& stream, const Json& json) { return stream << json.dump(); }

}  // namespace twice::experiments
