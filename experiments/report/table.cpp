// Layout of text tables. Widths count code points, so that "×" is as wide as "x".
#include "experiments/report/table.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "autodiff/array/error.h"
#include "experiments/app/terminal.h"

namespace twice::experiments {
namespace {

using Lines = std::vector<std::string>;
constexpr std::size_t gap = 2;

std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

/// Breaks between words so that no line is wider than `width`, unless a single word is.
Lines wrap(const std::string& text, std::size_t width) {
  Lines lines{""};
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    if (lines.back().empty()) {
      lines.back() = word;
    } else if (columns_of(lines.back()) + 1 + columns_of(word) <= width) {
      lines.back() += " " + word;
    } else {
      lines.push_back(word);
    }
    begin = end + 1;
  }
  return lines;
}

std::size_t widest(const Lines& lines) {
  std::size_t width = 0;
  for (const std::string& line : lines) width = std::max(width, columns_of(line));
  return width;
}

bool numeric(const std::string& cell) {
  if (cell.empty() || cell == "-" || cell == "nan" || cell == "inf") return true;
  const std::size_t first = cell.find_first_not_of("+-.");
  return first != std::string::npos && cell[first] >= '0' && cell[first] <= '9';
}

/// Appends the cells of one row, each wrapped to its column's width.
void append_row(std::string& out, const Lines& cells, const std::vector<std::size_t>& widths,
                const std::vector<bool>& right, bool bold) {
  std::vector<Lines> wrapped;
  std::size_t height = 0;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    wrapped.push_back(wrap(cells[c], widths[c]));
    height = std::max(height, wrapped.back().size());
  }
  for (std::size_t i = 0; i < height; ++i) {
    std::string line;
    for (std::size_t c = 0; c < cells.size(); ++c) {
      const std::string cell = i < wrapped[c].size() ? wrapped[c][i] : "";
      const std::string space(widths[c] - std::min(widths[c], columns_of(cell)), ' ');
      line += std::string(c == 0 ? 0 : gap, ' ') + (right[c] ? space + cell : cell + space);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += bold ? "\033[1m" + line + "\033[0m\n" : line + "\n";
  }
}

}  // namespace

std::string format_number(double value) {
  if (!std::isfinite(value)) return "-";
  const double size = std::abs(value);
  if (size == 0) return "0";
  // The thresholds are where rounding to three digits reaches the next power of ten.
  if (size < 9.995e-4 || size >= 1e6) return fmt::format("{:.2e}", value);
  const int digits = size < 9.995 ? (size < 0.09995 ? 4 : size < 0.9995 ? 3 : 2) : size < 99.95;
  return fmt::format("{:.{}f}", value, digits);
}

std::string format_si(double value, std::string_view unit) {
  if (!std::isfinite(value)) return "-";
  static constexpr std::string_view prefixes[] = {"p", "n", "µ", "m", "", "k", "M", "G", "T", "P"};
  std::size_t i = 4;
  for (; std::abs(value) >= 999.5 && i < 9; ++i) value /= 1000;
  for (; value != 0 && std::abs(value) < 0.9995 && i > 0; --i) value *= 1000;
  const std::string suffix = std::string(prefixes[i]) + std::string(unit);
  return format_number(value) + (suffix.empty() ? "" : " " + suffix);
}

std::string format_error(double value) {
  if (!std::isfinite(value)) return "-";
  return value == 0 ? "0" : fmt::format("{:.1e}", value);
}

std::string format_percent(double value) {
  if (!std::isfinite(value)) return "-";
  const double percent = 100 * value;
  if (percent == 0) return "0 %";
  if (std::abs(percent) < 1e-4) return fmt::format("{:.1e} %", percent);
  const double magnitude = std::floor(std::log10(std::abs(percent)));
  return fmt::format("{:.{}f} %", percent, magnitude >= 0 ? 2 : static_cast<int>(1 - magnitude));
}

std::string format_ratio(double value) {
  if (!std::isfinite(value)) return "-";
  return (value >= 0.1 && value < 99.95 ? fmt::format("{:.2f}", value) : format_number(value)) +
         "×";
}

std::string format_seconds(double value) {
  if (!std::isfinite(value)) return "-";
  if (value < 9.95) return fmt::format("{:.1f} s", value);
  const auto seconds = static_cast<long long>(value + 0.5);
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min {:02} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {:02} min", seconds / 3600, seconds / 60 % 60);
}

Table::Table(std::vector<std::string> headings) : headings_(std::move(headings)) {
  for (std::string& heading : headings_) heading = printable(heading);
}

void Table::add(std::vector<std::string> cells) {
  if (cells.size() > headings_.size())
    fail("table", "a row of {} cells under {} headings", cells.size(), headings_.size());
  cells.resize(headings_.size());
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::str(bool bold_headings, std::size_t width) const {
  const std::size_t count = headings_.size();
  std::vector<std::size_t> widths(count), shortest(count);
  std::vector<bool> right(count, !rows_.empty());
  std::size_t total = gap * (count - std::min<std::size_t>(count, 1));
  for (std::size_t c = 0; c < count; ++c) {
    std::size_t body = 0;
    for (const Lines& row : rows_) {
      body = std::max(body, columns_of(row[c]));
      right[c] = right[c] && numeric(row[c]);
    }
    // A column is at least as wide as its longest word, and numbers are never broken.
    shortest[c] = widest(wrap(headings_[c], 0));
    for (const Lines& row : rows_)
      shortest[c] = std::max(shortest[c], right[c] ? columns_of(row[c]) : widest(wrap(row[c], 0)));
    // Headings break first: a column is as wide as its body needs.
    widths[c] = std::max(body, shortest[c]);
    total += widths[c];
  }
  // Room that is left makes the highest heading lower, as long as one has more than one line.
  while (total < width) {
    std::size_t highest = 0;
    std::size_t lines = 1;
    for (std::size_t c = 0; c < count; ++c)
      if (const std::size_t own = wrap(headings_[c], widths[c]).size(); own > lines)
        highest = c, lines = own;
    if (lines == 1) break;
    ++widths[highest], ++total;
  }
  while (total > width) {
    std::size_t wide = count;
    for (std::size_t c = 0; c < count; ++c)
      if (widths[c] > shortest[c] && (wide == count || widths[c] > widths[wide])) wide = c;
    if (wide == count) break;  // nothing left that may be broken
    --widths[wide], --total;
  }

  std::string out;
  append_row(out, headings_, widths, right, bold_headings);
  for (const Lines& row : rows_) append_row(out, row, widths, right, false);
  return out;
}

void Table::print() const {
  const std::string out = str(isatty(STDOUT_FILENO) == 1);
  std::fwrite(out.data(), 1, out.size(), stdout);
  flush_output();
}

}  // namespace twice::experiments
