// Implements Json. nlohmann/json reads and writes the text. It writes the shortest decimal that
// reads back as the same number.
#include "experiments/files/json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

namespace twice::experiments {

namespace {

using Foreign = nlohmann::json;

/// Far more levels than any record has. The limit exists because values are destroyed, copied and
/// compared by recursion.
constexpr std::size_t most_levels = 500;

template <class T>
std::partial_ordering compare_lists(const T& a, const T& b) {
  return std::lexicographical_compare_three_way(a.begin(), a.end(), b.begin(), b.end());
}

JsonError error_of(const Foreign::exception& error) {
  // Drops the prefix "[json.exception.parse_error.101] ".
  const std::string text = error.what();
  const std::size_t tag = text.find("] ");
  return JsonError(tag == std::string::npos ? text : text.substr(tag + 2));
}

/// Builds a value from the parser's events, within limits.
class Builder : public nlohmann::json_sax<Foreign> {
 public:
  explicit Builder(const JsonLimits& limits) : limits_(limits) {}
  Json result;

  bool null() override { return add({}); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(std::int64_t value) override { return add(value); }
  bool number_unsigned(std::uint64_t value) override { return add(value); }
  bool number_float(double value, const std::string&) override { return add(value); }
  bool string(std::string& value) override { return add(checked(value)); }
  bool binary(binary_t&) override { return false; }  // not in JSON
  bool key(std::string& name) override {
    Level& level = open_.back();
    level.key = checked(name);
    if (level.value.size() >= limits_.members)
      throw Error(fmt::format("has more than {} members in an object", limits_.members));
    return true;
  }
  bool start_object(std::size_t) override { return begin(Json::object()); }
  bool start_array(std::size_t) override { return begin(Json::array()); }
  bool end_object() override { return end(); }
  bool end_array() override { return end(); }
  bool parse_error(std::size_t, const std::string&,
                   const nlohmann::detail::exception& error) override {
    throw error_of(error);
  }

 private:
  struct Level {
    Json value;
    bool thinned;
    std::string key = {};
    std::size_t seen = 0, every = 1;
    Json last = {};  ///< the latest element, if it was thinned out
  };

  std::string checked(std::string& text) const {
    if (text.size() > limits_.text)
      throw Error(fmt::format("has more than {} bytes in a text", limits_.text));
    return std::move(text);
  }
  bool begin(Json value) {
    if (open_.size() == most_levels)
      throw JsonError(fmt::format("nested more than {} deep", most_levels));
    const bool thinned = value.is_array() && !open_.empty() && open_.back().key == "curve";
    open_.push_back({std::move(value), thinned});
    return true;
  }
  bool end() {
    Level level = std::move(open_.back());
    open_.pop_back();
    if (!level.last.is_null()) level.value.push_back(std::move(level.last));
    return add(std::move(level.value));
  }
  bool add(Json value) {
    if (++values_ > limits_.values)
      throw Error(fmt::format("has more than {} values", limits_.values));
    if (open_.empty()) {
      result = std::move(value);
    } else if (Level& level = open_.back(); level.value.is_object()) {
      level.value[level.key] = std::move(value);
    } else if (level.thinned) {
      add_thinned(level, std::move(value));
    } else {
      level.value.push_back(std::move(value));
    }
    return true;
  }
  void add_thinned(Level& level, Json value) {
    if (level.seen++ % level.every != 0) {
      drop(level.last);
      level.last = std::move(value);
      return;
    }
    drop(level.last);
    Json::Array& kept = level.value.elements();
    kept.push_back(std::move(value));
    if (kept.size() < 2 * limits_.curve) return;
    level.every *= 2;
    level.last = std::move(kept.back());
    for (std::size_t i = 1; i < kept.size(); i += 2) drop(kept[i]);
    std::erase_if(kept, [](const Json& element) { return element.is_null(); });
  }
  void drop(Json& value) {
    if (!value.is_null()) values_ -= values_in(value);
    value = {};
  }

  const JsonLimits& limits_;
  std::vector<Level> open_;
  std::size_t values_ = 0;
};

Foreign foreign(const Json& json) {
  if (json.is_null()) return nullptr;
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_unsigned()) return json.get<std::uint64_t>();
  if (json.is_float()) return json.get<double>();
  if (json.is_number()) return json.get<std::int64_t>();
  if (json.is_string()) return json.string();
  Foreign result = json.is_array() ? Foreign::array() : Foreign::object();
  if (json.is_array())
    for (const Json& element : json) result.push_back(foreign(element));
  else
    for (const auto& [key, member] : json.members()) result.emplace(key, foreign(member));
  return result;
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

std::int64_t Json::integer(std::int64_t low, std::int64_t high) const {
  if (!is_number()) refuse("a number");
  std::int64_t value = 0;
  bool whole = kind() == Kind::integer;
  if (whole) value = std::get<std::int64_t>(value_);
  if (is_float()) {
    // 2^63 is a double, but the largest int64 is not.
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
  return const_cast<Array&>(std::as_const(*this).elements());
}

const Json::Object& Json::members() const {
  static const Object none;
  if (is_null()) return none;
  if (!is_object()) refuse("an object");
  return std::get<Object>(value_);
}

Json::Object& Json::members() {
  if (is_null()) value_ = Object();
  return const_cast<Object&>(std::as_const(*this).members());
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

Json& Json::slot(std::size_t index) { return const_cast<Json&>(at(index)); }
Json& Json::slot(std::string_view key) { return members()[std::string(key)]; }

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
  at(index);  // throws if there is none
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
    return a.kind() <=> b.kind();  // a `large` number is above every int64
  }
  if (a.is_array()) return compare_lists(a.elements(), b.elements());
  if (a.is_object()) return compare_lists(a.members(), b.members());
  return a.value_ <=> b.value_;
}

std::ostream& operator<<(std::ostream& stream, const Json& json) { return stream << json.dump(); }

std::size_t values_in(const Json& value) {
  std::size_t count = 1;
  if (value.is_array())
    for (const Json& element : value) count += values_in(element);
  if (value.is_object())
    for (const auto& [key, element] : value.members()) count += values_in(element);
  return count;
}

Json parse_within(std::string_view text, const JsonLimits& limits) {
  Builder builder(limits);
  Foreign::sax_parse(text, &builder);
  return std::move(builder.result);
}

Json Json::parse(std::string_view text) {
  constexpr std::size_t any = std::numeric_limits<std::size_t>::max() / 2;
  return parse_within(text, {any, any, any, any});
}

Json Json::parse_or_null(std::string_view text) try {
  return parse(text);
} catch (const JsonError&) {
  return nullptr;
}

std::string Json::dump(int indent) const try {
  return foreign(*this).dump(indent);
} catch (const Foreign::exception& error) {
  throw error_of(error);
}

}  // namespace twice::experiments
