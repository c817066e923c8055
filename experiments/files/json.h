// A JSON value, for records, configurations and messages to other processes. Only json.cpp includes
// nlohmann/json.hpp, because every file that includes that header takes seconds longer to compile.
// This header holds declarations and thin templates.
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

/// Thrown for text that is not JSON, and for a value of an unexpected type.
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

/// The types to which a Json converts implicitly.
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
  /// Makes an object if every element is an array of a string and a value. Otherwise makes an
  /// array.
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

  /// Parses a text. Throws JsonError if the text is not JSON, or if arrays and objects are nested
  /// more than 500 levels deep.
  static Json parse(std::string_view text);
  /// Returns null where `parse` would throw.
  static Json parse_or_null(std::string_view text);
  /// Returns the text on one line. If `indent` is not negative, each element is on its own line,
  /// and each level is indented by `indent` spaces. NaN and infinities become null. Throws
  /// JsonError if a string is not UTF-8.
  std::string dump(int indent = -1) const;

  bool is_null() const { return kind() == Kind::null; }
  bool is_boolean() const { return kind() == Kind::boolean; }
  bool is_number() const { return is_integer() || is_float(); }
  bool is_unsigned() const;  ///< a non-negative whole number
  bool is_float() const { return kind() == Kind::number; }
  bool is_string() const { return kind() == Kind::string; }
  bool is_array() const { return kind() == Kind::array; }
  bool is_object() const { return kind() == Kind::object; }

  // Reading throws JsonError if the value has another type, or if a whole number does not fit.
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
  /// A null floating-point member is read as NaN, because NaN is written as null. The same holds
  /// for floating-point members of a map.
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

  // Strings, arrays and objects. Null counts as an empty array or object. Other types throw
  // JsonError.
  const std::string& string() const;
  const Array& elements() const;
  Array& elements();
  const Object& members() const;
  Object& members();

  const Json* begin() const { return elements().data(); }
  const Json* end() const { return elements().data() + elements().size(); }
  Json* begin() { return elements().data(); }
  Json* end() { return elements().data() + elements().size(); }

  // Access by index or by name. If `*this` is not const, `[]` with a missing name adds a null
  // member, and a null value becomes an object.
  const Json& at(std::size_t index) const;
  const Json& at(std::string_view key) const;
  const Json& operator[](const auto& place) const { return at(place); }
  Json& operator[](const auto& place) { return slot(place); }
  /// Returns a null pointer if there is no such member or if this is not an object.
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

  std::size_t size() const;  ///< the size of an array or object; 0 for null, else 1
  bool empty() const { return size() == 0; }
  const Json& front() const { return at(std::size_t{0}); }
  const Json& back() const { return at(size() - 1); }
  Json& back() { return slot(size() - 1); }
  /// Appends an element. Null becomes an array.
  void push_back(Json element);
  void erase(std::string_view key);
  void erase(std::size_t index);
  /// Copies the members of another object into this one.
  void update(const Json& object);

  // null < boolean < number < object < array < string. Numbers compare by value, whatever their
  // type.
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
  /// The alternatives of `value_`. A whole number is `large` only if it does not fit int64.
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

/// Limits on JSON of unknown size.
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
