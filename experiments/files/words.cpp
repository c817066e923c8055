// Finds the nearest word by edit distance, and shortens text for messages.
#include "experiments/files/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <utility>

namespace twice::experiments {

namespace {

/// The Damerau-Levenshtein distance in which no part of a word is edited twice (optimal string
/// alignment).
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i)
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1,
                          d[i - 1][j - 1] + static_cast<std::size_t>(a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

}  // namespace

std::string did_you_mean(const std::string& word, const std::vector<std::string>& candidates) {
  const auto nearest = std::ranges::min_element(
      candidates, {}, [&](const std::string& candidate) { return distance(word, candidate); });
  if (nearest == candidates.end() || 3 * distance(word, *nearest) > nearest->size()) return "";
  return fmt::format("; did you mean {}?", *nearest);
}

bool listed(std::string_view list, std::string option) {
  std::ranges::replace(option, '-', '_');
  return fmt::format(", {},", list).find(fmt::format(", {},", option)) != std::string::npos;
}

std::string lower_case(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

bool NameOrder::operator()(std::string_view a, std::string_view b) const {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  // Takes a number without its leading zeros from the front of a name.
  const auto take_number = [&](std::string_view& name) {
    while (name.size() > 1 && name[0] == '0' && is_digit(name[1])) name.remove_prefix(1);
    const auto end = std::ranges::find_if_not(name, is_digit);
    const std::string_view digits = name.substr(0, static_cast<std::size_t>(end - name.begin()));
    name.remove_prefix(digits.size());
    return std::pair(digits.size(), digits);
  };
  std::string_view x = a, y = b;
  while (!x.empty() && !y.empty()) {
    if (is_digit(x[0]) && is_digit(y[0])) {
      const auto first = take_number(x), second = take_number(y);
      if (first != second) return first < second;
    } else {
      if (x[0] != y[0]) return x[0] < y[0];
      x.remove_prefix(1);
      y.remove_prefix(1);
    }
  }
  return x.empty() && y.empty() ? a < b : x.empty();
}

std::string shell_word(const std::string& word) {
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) ||
           std::string_view("_-./:=,+@%").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (!word.empty() && std::ranges::all_of(word, plain)) return word;
  std::string text = "'";
  for (char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

std::string csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (const std::string& cell : cells) {
    const bool quoted = cell.find_first_of(",\"\n\r") != std::string::npos;
    if (&cell != cells.data()) line += ',';
    if (quoted) line += '"';
    for (const char c : cell) line.append(c == '"' ? 2 : 1, c);
    if (quoted) line += '"';
  }
  return line + "\n";
}

std::string shown(std::string_view text) {
  constexpr std::size_t most = 40;
  std::size_t size = std::min(text.size(), most);
  // A character of several bytes must not be cut. All its bytes but the first are 10xxxxxx.
  while (size < text.size() && size > 0 && (text[size] & 0xC0) == 0x80) --size;
  std::string result(text.substr(0, size));
  std::ranges::replace_if(
      result, [](unsigned char c) { return c < 32 || c == 127; }, '?');
  return size < text.size() ? result + "..." : result;
}

std::string shown(const std::vector<std::string>& words) {
  std::string result;
  constexpr std::size_t most = 20;
  for (std::size_t i = 0; i < std::min(words.size(), most); ++i)
    result += (i ? ", " : "") + shown(words[i]);
  return words.size() > most ? fmt::format("{}, ... ({} in all)", result, words.size()) : result;
}

}  // namespace twice::experiments
