// The one exception type of the engine, and the checks of options that nn and optim share. The text
// of an error is a single line that says what was wrong, where, and what was expected.
#pragma once

#include <fmt/core.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace twice {

/// Any misuse of the library: shape or dtype clashes, stale handles, missing rules.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// While it lives, what `fail` of this thread throws ends with a place: ` in encoder.attention`.
/// Without a name it adds nothing. The tape's scopes hold one.
class ErrorPlace {
 public:
  explicit ErrorPlace(std::shared_ptr<const std::string> name);
  ~ErrorPlace();
  ErrorPlace(const ErrorPlace&) = delete;

 private:
  std::shared_ptr<const std::string> before_;
};

[[noreturn]] void fail_with(std::string_view who, fmt::string_view text, fmt::format_args values);

/// Throws `Error` with the text `[who] ...`. Most files call it, so the work is in another
/// function.
template <class... Args>
[[noreturn]] void fail(std::string_view who, fmt::format_string<Args...> text, Args&&... args) {
  fail_with(who, text, fmt::make_format_args(args...));
}

/// Throws unless an option's value is finite and `holds`.
void demand(std::string_view who, bool holds, std::string_view option, double value,
            std::string_view expected);

/// The names of a table's rows, in their order.
template <class Rows>
std::vector<std::string> names_of(const Rows& rows) {
  std::vector<std::string> names;
  for (const auto& row : rows) names.emplace_back(row.name);
  return names;
}

[[noreturn]] void fail_to_find(std::string_view kind, std::string_view name,
                               const std::vector<std::string>& known);

/// The row of that name; throws, listing the names, when there is none.
template <class Rows>
const auto& row_named(std::string_view kind, const Rows& rows, std::string_view name) {
  for (const auto& row : rows)
    if (row.name == name) return row;
  fail_to_find(kind, name, names_of(rows));
}

/// Throws, naming the row, when a table has one of that name already.
template <class Rows>
void check_new(std::string_view kind, const Rows& rows, std::string_view name) {
  for (const auto& row : rows)
    if (row.name == name) fail(kind, "the {} '{}' exists already", kind, name);
}

}  // namespace twice
