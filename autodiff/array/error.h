// The one exception type of the engine, and checks of options and names that nn and optim share.
// The text of an error is one line: the fault, its place and the expected value.
#pragma once

#include <fmt/core.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace twice {

/// Thrown for every misuse of the library: mismatched shapes or dtypes, stale handles, missing
/// rules.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// While this object exists, the errors that `fail` throws on this thread end with a place, such as
/// ` in encoder.attention`. A null name adds nothing. The scopes of the tape use it.
class ErrorPlace {
 public:
  explicit ErrorPlace(std::shared_ptr<const std::string> name);
  ~ErrorPlace();
  ErrorPlace(const ErrorPlace&) = delete;

 private:
  std::shared_ptr<const std::string> before_;
};

/// Throws the error of `fail`.
[[noreturn]] void fail_with(std::string_view who, fmt::string_view text, fmt::format_args values);

/// Throws `Error` with the text `[who] ...`. The formatting is in `fail_with`, which keeps the code
/// of the many callers small.
template <class... Args>
[[noreturn]] void fail(std::string_view who, fmt::format_string<Args...> text, Args&&... args) {
  fail_with(who, text, fmt::make_format_args(args...));
}

/// Throws unless `holds` is true and the value of the option is finite. The text says that the
/// option must be `expected`.
void demand(std::string_view who, bool holds, std::string_view option, double value,
            std::string_view expected);

/// The names of a table's rows, in order.
template <class Rows>
std::vector<std::string> names_of(const Rows& rows) {
  std::vector<std::string> names;
  for (const auto& row : rows) names.emplace_back(row.name);
  return names;
}

/// Throws the error of `row_named`.
[[noreturn]] void fail_to_find(std::string_view kind, std::string_view name,
                               const std::vector<std::string>& known);

/// The row with this name; throws, listing all names, if there is none.
template <class Rows>
const auto& row_named(std::string_view kind, const Rows& rows, std::string_view name) {
  for (const auto& row : rows)
    if (row.name == name) return row;
  fail_to_find(kind, name, names_of(rows));
}

/// Throws if the table already has a row with this name.
template <class Rows>
void check_new(std::string_view kind, const Rows& rows, std::string_view name) {
  for (const auto& row : rows)
    if (row.name == name) fail(kind, "the {} '{}' exists already", kind, name);
}

}  // namespace twice
