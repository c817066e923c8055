// Tests JSON values and their text, which must equal that of nlohmann/json byte for byte.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

#include "experiments/files/json.h"

namespace {

using namespace twice;
using namespace twice::experiments;

struct Inner {
  double a = 0;
  std::vector<int> list = {};

  static void json_fields(auto& self, const auto& visit) {
    visit("a", self.a);
    visit("list", self.list);
  }
};

/// A random value of at most `depth` levels, built with both libraries.
std::pair<Json, nlohmann::json> random_value(std::mt19937_64& random, int depth) {
  const auto text = [&] {
    const std::vector<std::string> parts = {
        "a", "\"", "\\", "\n", "\x01", "\x7f", "\u00e9", "\u20ac", "\xf0\x9f\x98\x80", "/"};
    std::string result;
    for (std::size_t i = random() % 5; i > 0; --i) result += parts[random() % parts.size()];
    return result;
  };
  switch (random() % (depth > 0 ? 9 : 7)) {
    case 0:
      return {nullptr, nullptr};
    case 1:
      return {true, true};
    case 2: {
      const auto value = static_cast<std::int64_t>(random());
      return {value, value};
    }
    case 3: {
      const std::uint64_t value = random();
      return {value, value};
    }
    case 4: {
      const double value = std::bit_cast<double>(random());
      return {value, value};
    }
    case 5: {
      const double value = std::round(std::ldexp(static_cast<double>(random()), -40)) / 1000;
      return {value, value};
    }
    case 6: {
      const std::string value = text();
      return {value, value};
    }
    case 7: {
      std::pair<Json, nlohmann::json> result{Json::array(), nlohmann::json::array()};
      for (std::size_t i = random() % 4; i > 0; --i) {
        const auto [ours, theirs] = random_value(random, depth - 1);
        result.first.push_back(ours), result.second.push_back(theirs);
      }
      return result;
    }
    default: {
      std::pair<Json, nlohmann::json> result{Json::object(), nlohmann::json::object()};
      for (std::size_t i = random() % 4; i > 0; --i) {
        const auto [ours, theirs] = random_value(random, depth - 1);
        const std::string key = text();
        result.first[key] = ours, result.second[key] = theirs;
      }
      return result;
    }
  }
}

std::string message(const auto& wrong) {
  try {
    wrong();
  } catch (const JsonError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(json_values)

BOOST_AUTO_TEST_CASE(lists_are_objects_only_if_every_element_is_a_name_with_a_value) {
  BOOST_TEST(Json({{"a", 1}, {"b", "x"}}).dump() == R"({"a":1,"b":"x"})");
  BOOST_TEST(Json({{"b", 1}, {"a", {1.5, nullptr}}}).dump() == R"({"a":[1.5,null],"b":1})");
  BOOST_TEST(Json({{"a", 1}, {"b", 2, 3}}).dump() == R"([["a",1],["b",2,3]])");
  BOOST_TEST(Json({{"a", 1}, {2, "b"}}).dump() == R"([["a",1],[2,"b"]])");
  BOOST_TEST(Json({"a", "b"}).dump() == R"(["a","b"])");
  BOOST_TEST(Json({{"a", "b"}}).dump() == R"({"a":"b"})");
  BOOST_TEST(Json::array({{"a", "b"}}).dump() == R"([["a","b"]])");
  BOOST_TEST(Json({{"a", {}}}).dump() == R"({"a":null})");
  Json list;
  list.push_back({{"a", 1}});
  BOOST_TEST(list.dump() == R"([{"a":1}])");
}

BOOST_AUTO_TEST_CASE(text_is_that_of_nlohmann_and_reads_back) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 2000; ++i) {
    const auto [ours, theirs] = random_value(random, 4);
    for (const int indent : {-1, 0, 1, 2}) BOOST_REQUIRE(ours.dump(indent) == theirs.dump(indent));
    BOOST_REQUIRE(Json::parse(ours.dump(2)).dump() == ours.dump());
  }
  for (const double x : {0.1, -0.0, 1e300, 5e-324, 1.0, 123456789012345680.0,
                         std::numeric_limits<double>::infinity(), std::nan("")})
    BOOST_TEST(Json(x).dump() == nlohmann::json(x).dump());
  const char* const bits = R"([0.1,-0.0,1e300,18446744073709551615,-9223372036854775808,3.0,3])";
  BOOST_TEST(Json::parse(bits).dump() == nlohmann::json::parse(bits).dump());
}

BOOST_AUTO_TEST_CASE(later_members_replace_earlier_ones) {
  BOOST_TEST(Json::parse(R"({"a":1,"a":2})").dump() == R"({"a":2})");
}

BOOST_AUTO_TEST_CASE(depth_is_limited) {
  const auto nested = [](std::size_t levels) {
    return std::string(levels, '[') + std::string(levels, ']');
  };
  BOOST_TEST(Json::parse(nested(500)).dump() == nested(500));
  BOOST_TEST(message([&] { Json::parse(nested(501)); }) == "nested more than 500 deep");
  BOOST_TEST(Json::parse_or_null(nested(20000)).is_null());
  std::string objects;
  for (int i = 0; i < 501; ++i) objects += "{\"a\":";
  BOOST_TEST(message([&] { Json::parse(objects); }) == "nested more than 500 deep");
}

BOOST_AUTO_TEST_CASE(damaged_text_is_refused) {
  for (const char* text :
       {"", "{", "[1,]", "{\"a\" 1}", "nul", "1 2", "\"\xff\"", "1e999", "'a'"}) {
    BOOST_TEST(message([&] { Json::parse(text); }) != "no error", text);
    BOOST_TEST(Json::parse_or_null(text).is_null(), text);
  }
  const std::string error = message([] { Json::parse("[1,\n2"); });
  BOOST_TEST(error.starts_with("parse error at line 2, column 2"), error);
  BOOST_TEST(message([] { Json("\xff").dump(); }).starts_with("invalid UTF-8 byte"));
}

BOOST_AUTO_TEST_CASE(reading_says_what_was_expected) {
  const Json json = {{"a", 1}, {"b", "x"}, {"c", 1.5}, {"d", -1}, {"e", {1, 2}}};
  BOOST_TEST(message([&] { json.at("z"); }) == "there is no member 'z'");
  BOOST_TEST(message([&] { json["z"]; }) == "there is no member 'z'");
  BOOST_TEST(message([&] { json.at("e").at(2); }) == "there is no element 2 among 2");
  BOOST_TEST(message([&] { json.at("a").at("b"); }) == "expected an object, found a number");
  BOOST_TEST(message([&] { json.at("b").get<int>(); }) == "expected a number, found a string");
  BOOST_TEST(message([&] { json.at("a").get<bool>(); }) == "expected a boolean, found a number");
  BOOST_TEST(message([&] { json.at("a").get<std::string>(); }) ==
             "expected a string, found a number");
  BOOST_TEST(message([&] { json.get<std::vector<int>>(); }) ==
             "expected an array, found an object");
  BOOST_TEST(message([&] { json.at("c").get<int>(); }).ends_with("found 1.5"));
  BOOST_TEST(message([&] { json.at("d").get<std::size_t>(); }).ends_with("found -1"));
  BOOST_TEST(message([&] { Json(1LL << 40).get<int>(); }).ends_with("found 1099511627776"));
  BOOST_TEST(message([&] {
               for (const Json& x : json.at("b")) x.size();
             }) == "expected an array, found a string");
  BOOST_TEST(message([&] {
               Json copy = json;
               copy["b"]["c"] = 1;
             }) == "expected an object, found a string");
}

BOOST_AUTO_TEST_CASE(whole_numbers_keep_all_digits) {
  constexpr auto largest = std::numeric_limits<std::uint64_t>::max();
  BOOST_TEST(Json(largest).get<std::uint64_t>() == largest);
  BOOST_TEST(Json(largest).is_unsigned());
  BOOST_TEST(!Json(-1).is_unsigned());
  BOOST_TEST(Json::parse("9007199254740993").get<long>() == 9007199254740993);
  BOOST_TEST(Json(3.0).get<int>() == 3);
  BOOST_TEST(message([] { Json(std::ldexp(1.0, 63)).get<long>(); }) != "no error");
  BOOST_TEST(message([] { Json(NAN).get<long>(); }) != "no error");
}

BOOST_AUTO_TEST_CASE(comparisons_are_by_value) {
  BOOST_TEST(Json(1) == Json(1.0));
  BOOST_TEST((Json(1) == 1 && Json(1) < 1.5 && 2 > Json(1) && Json(1) != 2U));
  BOOST_TEST((Json("a") == "a" && Json("a") != "b" && Json("a") != 1));
  BOOST_TEST(Json(std::numeric_limits<std::uint64_t>::max()) > Json(-1));
  BOOST_TEST((Json() < false && Json(true) < Json(0)));
  BOOST_TEST((Json(9) < Json::object() && Json({{"a", 1}}) < Json::array()));
  BOOST_TEST(Json::array({1, 2}) < Json::array({1, 3}));
  BOOST_TEST(Json({{"a", {1, 2}}}) == Json::parse(R"({"a":[1,2]})"));
  BOOST_TEST(Json(NAN) != Json(NAN));
}

BOOST_AUTO_TEST_CASE(changes) {
  Json json;
  json["a"]["b"] = 1;
  json.update({{"a", 2}, {"c", Json::array()}});
  json["c"].push_back(json["a"]);
  json["c"].push_back(json);
  BOOST_TEST(json.dump() == R"({"a":2,"c":[2,{"a":2,"c":[2]}]})");
  json.erase("a");
  json["c"].erase(std::size_t{0});
  BOOST_TEST(json.dump() == R"({"c":[{"a":2,"c":[2]}]})");
  Json moved = std::move(json);
  BOOST_TEST(json.is_null());
  moved = moved["c"].back();  // assigns a part of the value to the value
  BOOST_TEST(moved.dump() == R"({"a":2,"c":[2]})");
  BOOST_TEST(moved.value("a", 0) == 2);
  BOOST_TEST(moved.value("z", "none") == "none");
  BOOST_TEST((moved.contains("a") && !moved.contains("z") && !Json(1).contains("a")));
  BOOST_TEST((Json().empty() && Json("").size() == 1 && moved.size() == 2));
  for (const Json& none : Json()) BOOST_ERROR(none.dump());
}

BOOST_AUTO_TEST_CASE(structs_and_containers) {
  const std::vector<Inner> values = {{1.5, {1, 2}}, {2, {}}};
  const Json json = values;
  BOOST_TEST(json.dump() == R"([{"a":1.5,"list":[1,2]},{"a":2.0,"list":[]}])");
  BOOST_TEST(json.get<std::vector<Inner>>()[0].list == values[0].list);
  const std::map<std::string, double> numbers = Json({{"x", 1}, {"y", 2.5}});
  BOOST_TEST(Json(numbers).dump() == R"({"x":1.0,"y":2.5})");
  BOOST_TEST(message([&] { Json({{"a", 1}}).get<Inner>(); }) == "there is no member 'list'");
  // NaN is written as null. Any other null is not a number.
  const Json none = Json::parse(Json(Inner{NAN}).dump());
  BOOST_TEST(none["a"].is_null());
  BOOST_TEST(std::isnan(none.get<Inner>().a));
  BOOST_TEST(message([&] { none["a"].get<double>(); }) == "expected a number, found null");
}

BOOST_AUTO_TEST_SUITE_END()
