// Words that people write on command lines and in files: the number that a word is, the known word
// that a mistyped one resembles, and words of files as parts of messages.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace twice::experiments {

/// The whole of `text` as a number; nothing when it is none or does not fit. Whole numbers are
/// decimal, whatever they begin with.
template <class T>
std::optional<T> parsed(std::string_view text) {
  T value{};
  const char *first = text.data(), *const end = first + text.size();
  if (text.starts_with('+') && !text.starts_with("+-")) ++first;
  const auto [last, error] = std::from_chars(first, end, value);
  if (error != std::errc() || last != end) return std::nullopt;
  return value;
}

/// "; did you mean WORD?" with the candidate nearest to a mistyped word, or "".
std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates);

/// Whether a list such as "gamma, asam_eta" names the option, such as "asam-eta".
bool listed(std::string_view list, std::string option);

/// With a to z for A to Z.
std::string lower_case(std::string_view text);

/// A line of a CSV file, its end included; cells are in quotes where they hold a separator.
std::string csv_line(const std::vector<std::string>& cells);

/// Text of a file for a message of one line: at most 40 bytes, control characters as '?'.
std::string shown(std::string_view text);
/// The first 20 words, as `shown`, with commas.
std::string shown(const std::vector<std::string>& words);

}  // namespace twice::experiments
