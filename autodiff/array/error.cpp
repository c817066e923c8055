#include "autodiff/array/error.h"

#include <cmath>
#include <utility>

namespace twice {

namespace {
thread_local std::shared_ptr<const std::string> place;
}

ErrorPlace::ErrorPlace(std::shared_ptr<const std::string> name)
    : before_(std::exchange(place, std::move(name))) {}
ErrorPlace::~ErrorPlace() { place = std::move(before_); }

void fail_with(std::string_view who, fmt::string_view text, fmt::format_args values) {
  throw Error(fmt::format("[{}] ", who) + fmt::vformat(text, values) +
              (place ? " in " + *place : ""));
}

void demand(std::string_view who, bool holds, std::string_view option, double value,
            std::string_view expected) {
  if (!holds || !std::isfinite(value)) fail(who, "{} must be {}, was {}", option, expected, value);
}

void fail_to_find(std::string_view kind, std::string_view name,
                  const std::vector<std::string>& known) {
  std::string names;
  for (const std::string& other : known) names += (names.empty() ? "" : ", ") + other;
  fail(kind, "there is no {} '{}'; the {}{} are {}", kind, name, kind,
       kind.ends_with('s') ? "es" : "s", names);
}

}  // namespace twice
