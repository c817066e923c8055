// JSON text: the one file that uses nlohmann/json, which knows how to read text and how to write
// strings and the shortest numbers that read back as they were.
#include <nlohmann/json.hpp>

#include "experiments/files/json.h"

namespace twice::experiments {

namespace {

using Foreign = nlohmann::json;

/// Far above any record's; values are destroyed, copied and compared by recursion.
constexpr std::size_t most_levels = 500;

JsonError error_of(const Foreign::exception& error) {
  // Without "[json.exception.parse_error.101] ".
  const std::string text = error.what();
  const std::size_t tag = text.find("] ");
  return JsonError(tag == std::string::npos ? text : text.substr(tag + 2));
}

/// Builds the value that is read.
class Builder : public nlohmann::json_sax<Foreign> {
 public:
  Json result;

  bool null() override { return add(Json()); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(std::int64_t value) override { return add(value); }
  bool number_unsigned(std::uint64_t value) override { return add(value); }
  bool number_float(double value, const std::string&) override { return add(value); }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(Foreign::binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& key) override {
    key_ = std::move(key);
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const Foreign::exception& error) override {
    throw error_of(error);
  }

 private:
  Json& place() {
    if (open_.empty()) return result;
    Json& parent = *open_.back();
    if (parent.is_object()) return parent[key_];
    parent.push_back(Json());
    return parent.back();
  }
  bool add(Json value) {
    place() = std::move(value);
    return true;
  }
  bool open(Json empty) {
    if (open_.size() == most_levels)
      throw JsonError(fmt::format("nested more than {} deep", most_levels));
    Json& value = place();
    value = std::move(empty);
    open_.push_back(&value);
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  /// Arrays and objects that have begun. Only the last one grows, so these stay where they are.
  std::vector<Json*> open_;
  std::string key_;
};

Foreign foreign(const Json& json) {
  if (json.is_null()) return nullptr;
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_unsigned()) return json.get<std::uint64_t>();
  if (json.is_integer()) return json.get<std::int64_t>();
  if (json.is_float()) return json.get<double>();
  if (json.is_string()) return json.string();
  Foreign result = json.is_array() ? Foreign::array() : Foreign::object();
  if (json.is_array())
    for (const Json& element : json) result.push_back(foreign(element));
  else
    for (const auto& [key, member] : json.members()) result.emplace(key, foreign(member));
  return result;
}

}  // namespace

Json Json::parse(std::string_view text) {
  Builder builder;
  Foreign::sax_parse(text, &builder);
  return std::move(builder.result);
}

Json Json::parse_or_null(std::string_view text) {
  try {
    return parse(text);
  } catch (const JsonError&) {
    return nullptr;
  }
}

std::string Json::dump(int indent) const {
  try {
    return foreign(*this).dump(indent);
  } catch (const Foreign::exception& error) {
    throw error_of(error);
  }
}

}  // namespace twice::experiments
