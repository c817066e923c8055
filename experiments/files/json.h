// A JSON value. Records, configurations and messages to other processes are made of them. Only
// json.cpp includes nlohmann/json.hpp, which takes seconds to compile in every file that uses it.
// Here are declarations and thin templates.
#pragma once

#include <compare>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "autodiff/array/error.h"

namespace twice::experiments {

class Json;

/// A text that is no JSON, or a value that is not of the expected type.
struct JsonError : Error {
  using Error::Error;
};

/// A struct with `static void json_fields(auto& self, const auto& visit)`, which calls
/// `visit(name, self.member)` for each member that is stored.
template <class T>
concept HasJsonFields = requires(const T& value) {
  T::json_fields(value, [](const char*, const auto&) {});
};

template <class T>
concept JsonNumber = (std::integral<T> && !std::same_as<T, char>) || std::floating_point<T>;

/// The types that a Json converts to by itself.
template <class T>
inline constexpr bool readable_json = JsonNumber<T> || HasJsonFields<T>;
template <>
inline constexpr bool readable_json<std::string> = true;
template <class T>
inline constexpr bool readable_json<std::vector<T>> = true;
template <class T>
inline constexpr bool readable_json<std::map<std::string, T>> = true;

/// null, a boolean, a number, a string, an array, or an object sorted by key.
class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::map<std::string, Json>;

  Json();  ///< null
  Json(std::nullptr_t) : Json() {}
  Json(const char* text);
  Json(std::string text);
  Json(std::string_view text);
  Json(Array elements);
  Json(Object members);
  /// The object of these members if every element is an array of a string and a value, else the
  /// array of these elements.
  Json(std::initializer_list<Json> elements);
  template <JsonNumber T>
  Json(T value) : Json() {
    if constexpr (std::same_as<T, bool>)
      set_boolean(value);
    else if constexpr (std::floating_point<T>)
      set_number(value);
    else if constexpr (std::signed_integral<T>)
      set_integer(value);
    else
      set_unsigned(value);
  }
  template <class T>
  Json(const std::vector<T>& values) : Json(Array(values.begin(), values.end())) {}
  template <class T>
  Json(const std::map<std::string, T>& values) : Json(Object(values.begin(), values.end())) {}
  template <HasJsonFields T>
  Json(const T& value) : Json(Object()) {
    T::json_fields(value, [&](const char* name, const auto& field) { (*this)[name] = field; });
  }
  Json(const Json& other);
  Json(Json&& other) noexcept;
  Json& operator=(Json other) noexcept;
  ~Json();

  static Json array(std::initializer_list<Json> elements = {}) { return Array(elements); }
  static Json object() { return Object(); }

  /// Throws JsonError, also for arrays and objects nested more than 500 deep.
  static Json parse(std::string_view text);
  /// Null where `parse` throws.
  static Json parse_or_null(std::string_view text);
  /// On one line, or with each level on lines of its own, indented by `indent`. NaN and infinities
  /// become null. Throws JsonError when a string is not UTF-8.
  std::string dump(int indent = -1) const;

  bool is_null() const { return kind() == Kind::null; }
  bool is_boolean() const { return kind() == Kind::boolean; }
  bool is_number() const { return is_integer() || is_float(); }
  bool is_unsigned() const;  ///< a whole number that is not negative
  bool is_float() const { return kind() == Kind::number; }
  bool is_string() const { return kind() == Kind::string; }
  bool is_array() const { return kind() == Kind::array; }
  bool is_object() const { return kind() == Kind::object; }

  // Reading. A value of another type, and a whole number that does not fit, throw JsonError.
  void get_to(bool& value) const;
  void get_to(float& value) const { value = static_cast<float>(get<double>()); }
  void get_to(double& value) const;
  void get_to(std::string& value) const { value = string(); }
  void get_to(Json& value) const { value = *this; }
  template <JsonNumber T>
  void get_to(T& value) const {
    if constexpr (std::signed_integral<T>)
      value = static_cast<T>(integer(std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
    else
      value = static_cast<T>(unsigned_integer(std::numeric_limits<T>::max()));
  }
  template <class T>
  void get_to(std::vector<T>& values) const {
    values.clear();
    for (const Json& element : elements()) values.push_back(element.get<T>());
  }
  template <class T>
  void get_to(std::map<std::string, T>& values) const {
    values.clear();
    for (const auto& [key, member] : members()) values.emplace(key, member.template stored<T>());
  }
  /// Of members that are floating-point numbers, here and in a map, null is NaN, as which it was
  /// written.
  template <HasJsonFields T>
  void get_to(T& value) const {
    T::json_fields(value, [&]<class Field>(const char* name, Field& field) {
      field = at(name).template stored<Field>();
    });
  }
  template <class T>
  T get() const {
    T value{};
    get_to(value);
    return value;
  }
  template <class T>
  requires readable_json<T>
  operator T() const { return get<T>(); }

  // Arrays and objects. Null has no elements; the others throw JsonError.
  const std::string& string() const;
  const Array& elements() const;
  Array& elements();
  const Object& members() const;
  Object& members();

  const Json* begin() const { return elements().data(); }
  const Json* end() const { return elements().data() + elements().size(); }
  Json* begin() { return elements().data(); }
  Json* end() { return elements().data() + elements().size(); }

  // By index or by name. `[]` of a name that is missing adds null, and null becomes an object.
  const Json& at(std::size_t index) const;
  const Json& at(std::string_view key) const;
  const Json& operator[](const auto& place) const { return at(place); }
  Json& operator[](const auto& place) { return slot(place); }
  /// Null when there is no such member, or this is no object.
  const Json* find(std::string_view key) const;
  bool contains(std::string_view key) const { return find(key); }
  template <class T>
  T value(std::string_view key, const T& otherwise) const {
    const Json* const found = find(key);
    return found ? found->get<T>() : otherwise;
  }
  std::string value(std::string_view key, const char* otherwise) const {
    return value(key, std::string(otherwise));
  }

  std::size_t size() const;  ///< of an array or an object; 0 of null, else 1
  bool empty() const { return size() == 0; }
  const Json& front() const { return at(std::size_t{0}); }
  const Json& back() const { return at(size() - 1); }
  Json& back() { return slot(size() - 1); }
  /// Null becomes an array.
  void push_back(Json element);
  void erase(std::string_view key);
  void erase(std::size_t index);
  /// Sets the members of another object.
  void update(const Json& object);

  // null < boolean < number < object < array < string; numbers by value, whatever their type.
  friend bool operator==(const Json& a, const Json& b) { return (a <=> b) == 0; }
  friend std::partial_ordering operator<=>(const Json& a, const Json& b);
  template <JsonNumber T>
  friend bool operator==(const Json& a, T b) {
    return a == Json(b);
  }
  template <JsonNumber T>
  friend std::partial_ordering operator<=>(const Json& a, T b) {
    return a <=> Json(b);
  }

 private:
  template <class T>
  T stored() const {
    if constexpr (std::floating_point<T>)
      if (is_null()) return std::numeric_limits<T>::quiet_NaN();
    return get<T>();
  }
  /// The alternatives of `value_`. A whole number is `large` only if no int64 holds it.
  enum class Kind { null, boolean, integer, large, number, string, array, object };
  Kind kind() const { return static_cast<Kind>(value_.index()); }
  bool is_integer() const { return kind() == Kind::integer || kind() == Kind::large; }
  [[noreturn]] void refuse(const char* expected) const;
  void set_boolean(bool value);
  void set_integer(std::int64_t value);
  void set_unsigned(std::uint64_t value);
  void set_number(double value);
  std::int64_t integer(std::int64_t low, std::int64_t high) const;
  std::uint64_t unsigned_integer(std::uint64_t high) const;
  Json& slot(std::size_t index);
  Json& slot(std::string_view key);

  std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string, Array,
               Object>
      value_;
};

std::ostream& operator<<(std::ostream& stream, const Json& json);

}  // namespace twice::experiments
