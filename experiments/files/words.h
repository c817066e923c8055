// Handles words from command lines and files: parses numbers, suggests the known word nearest to a
// mistyped one, and shortens words for messages.
#pragma once

#include <algorithm>
#include <charconv>
#include <concepts>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twice::experiments {

/// Parses all of `text` as a number. Returns no value if it is not a number or does not fit. Whole
/// numbers are decimal, even with leading zeros.
template <class T>
std::optional<T> parsed(std::string_view text) {
  T value{};
  const char *first = text.data(), *const end = first + text.size();
  if (text.starts_with('+') && !text.starts_with("+-")) ++first;
  const auto [last, error] = std::from_chars(first, end, value);
  if (error != std::errc() || last != end) return std::nullopt;
  return value;
}

/// Whether a list has this element or, with a projection, an element with this member.
template <class Projection = std::identity>
bool holds(const auto& list, const auto& value, Projection projection = {}) {
  return std::ranges::find(list, value, projection) != std::ranges::end(list);
}

/// "; did you mean WORD?" with the candidate nearest to a mistyped word, or "".
std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates);

/// True if a list such as "gamma, asam_eta" contains an option such as "asam-eta".
bool listed(std::string_view list, std::string option);

/// Replaces A to Z with a to z.
std::string lower_case(std::string_view text);

/// The order in which names are shown: whether `a` comes before `b`. The digits of a number count
/// as its value, so b2 comes before b10. Names that differ only in leading zeros are in the order
/// of their characters.
struct NameOrder {
  bool operator()(std::string_view a, std::string_view b) const;
};

/// A line of a CSV file with its line break. A cell that contains a comma, a quote or a line break
/// is quoted.
std::string csv_line(const std::vector<std::string>& cells);

/// Quotes a word if a shell would change it.
std::string shell_word(const std::string& word);

/// A number and a noun, such as "1 run" or "2 runs".
std::string counted(std::integral auto count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

/// Shortens text from a file for a one-line message: at most 40 bytes, with '?' for control
/// characters.
std::string shown(std::string_view text);
/// The first 20 words, each shortened by `shown`, with commas between them.
std::string shown(const std::vector<std::string>& words);

}  // namespace twice::experiments
