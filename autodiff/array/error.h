// The one exception type of the engine. Its text is a single line that says
// what was wrong, where, and what was expected.
#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace twice {

/// Any misuse of the library: shape or dtype clashes, stale handles, missing rules.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Throws `Error` with the text `[who] ...`.
template <class... Args>
[[noreturn]] void fail(std::string_view who, fmt::format_string<Args...> text, Args&&... args) {
  throw Error("[" + std::string(who) + "] " + fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace twice
