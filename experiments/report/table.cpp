// Lays out text tables. Widths count code points, so that "×" is as wide as "x".
#include "experiments/report/table.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <set>
#include <sstream>

#include "autodiff/array/error.h"
#include "experiments/app/terminal.h"
#include "experiments/files/words.h"
#include "experiments/measure/noise.h"
#include "experiments/report/html.h"

namespace twice::experiments {
namespace {

using Lines = std::vector<std::string>;
constexpr std::size_t gap = 2;

/// The value of an environment variable; "" if it is not set.
std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

using Transliteration = std::pair<std::string_view, std::string_view>;
constexpr Transliteration transliterations[] = {
    {"×", "x"},  {"±", "+-"}, {"…", "..."},   {"·", "*"},      {"≤", "<="},
    {"≥", ">="}, {"µ", "u"},  {"γ", "gamma"}, {"ε", "eps"},    {"∇", "grad"},
    {"ℒ", "L"},  {"’", "'"},  {"–", "-"},     {"\u00A0", " "}, {"\u2060", ""}};
constexpr std::string_view superscripts[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹", "⁻"};

bool is_continuation(char c) { return (c & 0xC0) == 0x80; }

/// Breaks a text between words. No line is wider than `width` unless a single word is.
Lines wrap(const std::string& text, std::size_t width) {
  Lines lines{""};
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    if (lines.back().empty()) {
      lines.back() = word;
    } else if (width_of(lines.back()) + 1 + width_of(word) <= width) {
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
  for (const std::string& line : lines) width = std::max(width, width_of(line));
  return width;
}

bool numeric(const std::string& cell) {
  if (cell.empty() || cell == "-" || cell == "nan" || cell == "inf") return true;
  const std::size_t first = cell.find_first_not_of("+-.");
  return first != std::string::npos && cell[first] >= '0' && cell[first] <= '9';
}

std::string fixed(double value, int places, const char* unit = "") {
  return std::isfinite(value) ? fmt::format("{:.{}f}{}", value, places, unit) : "-";
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

std::string error_text(double error) {
  return error >= 1e-4 ? format_percent(error) : format_error(error);
}

std::string format_ratio(double value) {
  if (!std::isfinite(value)) return "-";
  return (value >= 0.1 && value < 99.95 ? fmt::format("{:.2f}", value) : format_number(value)) +
         "×";
}

std::string ratio_sentence(const Json& row, const std::string& key) {
  const std::string ratio = format_ratio(number(row, key));
  const std::optional<Interval> interval = interval_of(row, key);
  if (!interval) return ratio;
  const auto& [low, high] = *interval;
  if (std::isinf(high - low)) return ratio + ": inconclusive";
  return fmt::format("{} ({:.2f} to {:.2f}){}", ratio, low, high,
                     low < 1 && high > 1 ? ": inconclusive" : "");
}

std::pair<std::string, std::string> ratio_tile(const std::string& sentence,
                                               const std::string& words) {
  if (sentence.ends_with("inconclusive"))
    return {"inconclusive", words + ": " + sentence.substr(0, sentence.rfind(':'))};
  const std::size_t end = std::min(sentence.find(' '), sentence.size());
  return {sentence.substr(0, end), words + sentence.substr(end)};
}

std::string format_seconds(double value) {
  if (!std::isfinite(value)) return "-";
  if (value < 9.95) return fmt::format("{:.1f} s", value);
  const auto seconds = static_cast<long long>(value + 0.5);
  if (seconds < 60) return fmt::format("{} s", seconds);
  if (seconds < 3600) return fmt::format("{} min {:02} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {:02} min", seconds / 3600, seconds / 60 % 60);
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return !is_continuation(c); }));
}

std::string shortened(const std::string& text, std::size_t width) {
  if (width_of(text) <= width) return text;
  const std::string dots = width > 3 ? in_charset("…") : "";
  std::size_t end = 0;
  for (std::size_t left = width - width_of(dots); end < text.size(); ++end)
    if (!is_continuation(text[end]) && left-- == 0) break;
  return text.substr(0, end) + dots;
}

Screen screen_of(int descriptor) {
  const bool terminal = isatty(descriptor) == 1, dumb = variable("TERM") == "dumb";
  Screen screen{0, terminal && !dumb && variable("NO_COLOR").empty(), terminal && !dumb};
  if (winsize size{}; terminal && ioctl(descriptor, TIOCGWINSZ, &size) == 0)
    screen.width = size.ws_col;
  if (screen.width == 0)
    screen.width = std::strtoul(std::string(variable("COLUMNS")).c_str(), nullptr, 10);
  if (screen.width == 0 && terminal) screen.width = 100;
  return screen;
}

std::string in_charset(std::string_view text) {
  std::string_view locale;
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
    if (locale.empty()) locale = variable(name);
  if (locale != "C" && locale != "POSIX") return std::string(text);
  std::string result;
  bool raised = false;  // within superscripts, which start with one "^"
  for (std::size_t begin = 0, end = 1; begin < text.size(); begin = end++) {
    while (end < text.size() && is_continuation(text[end])) ++end;
    const std::string_view letter = text.substr(begin, end - begin);
    const auto power = std::ranges::find(superscripts, letter);
    const auto known = std::ranges::find(transliterations, letter, &Transliteration::first);
    if (power != std::end(superscripts)) {
      const std::size_t digit = static_cast<std::size_t>(power - superscripts);
      result += fmt::format("{}{}", raised ? "" : "^", "0123456789-"[digit]);
    } else if (known != std::end(transliterations)) {
      result += known->second;
    } else {
      result += static_cast<unsigned char>(letter[0]) < 0x80 ? letter : "?";
    }
    raised = power != std::end(superscripts);
  }
  return result;
}

std::vector<Column> columns_of(const std::string& table) {
  static const std::map<std::string, std::string (*)(double)> formats = {
      {"number", format_number},
      {"ratio", format_ratio},
      {"error", format_error},
      {"percent", format_percent},
      {"rough", [](double v) { return fixed(100 * v, 0, " %"); }},
      {"share", [](double v) { return fixed(100 * v, 1, " %"); }},
      {"two", [](double v) { return v < 0.1 ? format_number(v) : fixed(v, 2); }},
      {"four", [](double v) { return v < 0.01 ? format_number(v) : fixed(v, 4); }},
      {"time", [](double ms) { return ms < 0.1 && ms >= 0.01 ? fixed(ms, 4) : format_number(ms); }},
      {"mib", [](double bytes) { return format_number(bytes / mib); }},
      {"mega", [](double v) { return format_number(v / 1e6); }}};
  std::map<std::string, Column> known;
  std::istringstream lines{std::string(embedded_file("columns.txt"))}, keys;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("@" + table + " ")) keys.str(line.substr(table.size() + 2));
    std::string cells[4];  // key, heading, format, meaning
    for (std::string& cell : cells) {
      const std::size_t end = line.find(" | ");
      cell = line.substr(0, end);
      line.erase(0, end == std::string::npos ? end : end + 3);
    }
    const auto format = formats.find(cells[2]);
    known[cells[0]] = {"", cells[1], cells[3], format == formats.end() ? nullptr : format->second};
  }
  std::vector<Column> columns;
  for (std::string key; keys >> key;) {
    const bool page_only = key.front() == '(', minor = key.back() == '-';
    key = key.substr(page_only, key.size() - (page_only ? 2 : minor ? 1 : 0));
    const auto own = known.find(table + ":" + key);
    Column& column = columns.emplace_back(own == known.end() ? known.at(key) : own->second);
    column.key = key;
    column.on_screen = !page_only;
    column.minor = minor;
  }
  return columns;
}

std::vector<std::string> metric_names(const std::vector<Json>& rows) {
  std::set<std::string, NameOrder> names;
  for (const Json& row : rows)
    if (const Json& metrics = member(row, "metrics"); metrics.is_object())
      for (const auto& [name, value] : metrics.members()) names.insert(name);
  constexpr std::size_t most = 64;
  return {names.begin(),
          std::next(names.begin(), std::min<std::ptrdiff_t>(std::ssize(names), most))};
}

std::string heading_of(std::string metric) {
  std::ranges::replace(metric, '_', ' ');
  return metric;
}

std::string format_metric(const std::string& name, double value) {
  if (std::isnan(value)) return "nan";  // without a sign
  return name.ends_with("accuracy") ? format_percent(value) : fmt::format("{:.5g}", value);
}

std::vector<Column> run_columns(const std::vector<Json>& rows) {
  std::vector<Column> columns = columns_of("runs");
  auto place = std::ranges::find(columns, "gradient_norm", &Column::key);
  for (const std::string& name : metric_names(rows)) {
    if (holds(columns, name, &Column::key)) continue;
    const char* const examples =
        name.starts_with("validation_") ? "the validation examples" : "the test set";
    place = columns.insert(
        place, {name, heading_of(name), fmt::format("'{}' of {} at the end.", name, examples),
                name.ends_with("accuracy") ? format_percent : format_number});
    ++place;
  }
  return columns;
}

std::string ranking_result(const std::vector<Json>& rows) {
  for (const char* key : {"validation_accuracy", "validation_loss", "test_accuracy"})
    if (std::ranges::any_of(rows, [&](const Json& row) { return std::isfinite(number(row, key)); }))
      return key;
  return "loss";
}

bool lower_is_better(std::string_view result) {
  return !result.ends_with("accuracy") && !result.ends_with("r2");
}

double rank_of(std::string_view result, double value) {
  if (!std::isfinite(value)) return std::numeric_limits<double>::infinity();
  return lower_is_better(result) ? value : -value;
}

std::string result_name(const std::string& result) {
  return result == "loss" ? "test loss" : heading_of(result);
}

namespace {

std::string uncertainty(const Json& row, const std::string& key, double value, bool is_ratio) {
  const std::optional<Interval> interval = interval_of(row, key);
  if (!interval || !std::isfinite(value)) return "";
  const auto& [low, high] = *interval;
  if (std::isinf(high - low)) return is_ratio ? " ?" : "";
  if (low == high) return "";
  return fmt::format(" ±{:.{}f} %{}", std::max(0.1, 50 * (high - low) / value),
                     high - low < 0.1 * value ? 1 : 0, is_ratio && low < 1 && high > 1 ? " ?" : "");
}

}  // namespace

std::string cell_text(const Column& column, const Json& row) {
  if (column.key == "products_law_text") {
    const double law = number(row, "products_law");
    const std::string formula = text(row, column.key);
    if (!std::isfinite(law) || law == number(row, "products")) return formula;
    return (formula == "-" ? "" : formula + " = ") + show(member(row, "products_law"));
  }
  if (!column.format) return text(row, column.key);
  const double value = number(row, column.key);
  // Counts are written in full.
  if (column.format == format_number && value == std::floor(value) && std::abs(value) < 1e6)
    return show(value);
  return column.format(value) + uncertainty(row, column.key, value, column.format == format_ratio);
}

bool is_used(const Column& column, const std::vector<Json>& rows) {
  return std::ranges::any_of(rows, [&](const Json& row) { return cell_text(column, row) != "-"; });
}

Table::Table(std::vector<std::string> headings, std::vector<bool> minor)
    : headings_(std::move(headings)), minor_(std::move(minor)) {
  for (std::string& heading : headings_) heading = in_charset(printable(heading));
  minor_.resize(headings_.size());
}

void Table::add(std::vector<std::string> cells) {
  if (cells.size() > headings_.size())
    fail("table", "a row of {} cells under {} headings", cells.size(), headings_.size());
  cells.resize(headings_.size());
  for (std::string& cell : cells) cell = in_charset(printable(cell));
  rows_.push_back(std::move(cells));
}

std::string Table::str(bool bold_headings, std::size_t width) const {
  if (headings_.empty()) return "";
  // The names of rows may be longer than other texts.
  constexpr std::size_t least_name = 32, least_text = 16, widest_number = 24;
  struct Shown {
    std::size_t index, width, least;
    bool right;
    Lines heading = {};
  };
  std::vector<Shown> shown;
  for (std::size_t c = 0; c < headings_.size(); ++c) {
    std::size_t body = 0;
    bool right = !rows_.empty();
    for (const Lines& row : rows_) {
      body = std::max(body, width_of(row[c]));
      right = right && numeric(row[c]);
    }
    // Headings break first, so a column is as wide as its body or its heading's longest word.
    const std::size_t heading = widest(wrap(headings_[c], 0));
    const bool fixed = right && body <= widest_number;
    shown.push_back(
        {c, std::max(body, heading),
         std::max(heading, fixed ? body : std::min(body, c == 0 ? least_name : least_text)),
         right});
  }

  const auto total = [&](std::size_t Shown::*of) {
    std::size_t sum = gap * (shown.size() - 1);
    for (const Shown& column : shown) sum += column.*of;
    return sum;
  };
  Lines left_out;
  while (width > 0 && shown.size() > 1 && total(&Shown::least) > width) {
    // The first column names the row and is never left out.
    const auto last_minor = std::find_if(shown.rbegin(), shown.rend() - 1,
                                         [&](const Shown& c) { return minor_[c.index]; });
    const auto last = last_minor == shown.rend() - 1 ? shown.end() - 1 : last_minor.base() - 1;
    left_out.insert(left_out.begin(), headings_[last->index]);
    shown.erase(last);
  }
  if (shown.size() == 1 && width > 0) shown[0].least = std::min(shown[0].least, width);
  while (width > 0 && total(&Shown::width) > width) {
    const auto room = [](const Shown& c) { return c.width > c.least ? c.width : 0; };
    --std::ranges::max_element(shown, {}, room)->width;
  }
  // Width that is left goes to the column with the most lines in its heading, until each heading
  // has one line.
  while (width == 0 || total(&Shown::width) < width) {
    const auto lines = [&](const Shown& c) { return wrap(headings_[c.index], c.width).size(); };
    const auto highest = std::ranges::max_element(shown, {}, lines);
    if (lines(*highest) == 1) break;
    ++highest->width;
  }

  std::string out;
  const auto append_line = [&](const auto& cell_of) {
    std::string line;
    for (const Shown& column : shown) {
      const std::string cell = shortened(cell_of(column), column.width);
      const std::string space(column.width - std::min(column.width, width_of(cell)), ' ');
      line += std::string(&column == shown.data() ? 0 : gap, ' ') +
              (column.right ? space + cell : cell + space);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  };
  std::size_t height = 0;
  for (Shown& column : shown) {
    column.heading = wrap(headings_[column.index], column.width);
    height = std::max(height, column.heading.size());
  }
  for (std::size_t i = 0; i < height; ++i) {
    if (bold_headings) out += "\033[1m";
    append_line([&](const Shown& c) { return i < c.heading.size() ? c.heading[i] : ""; });
    if (bold_headings) out.insert(out.size() - 1, "\033[0m");
  }
  for (const Lines& row : rows_) append_line([&](const Shown& c) { return row[c.index]; });
  if (!left_out.empty())
    for (const std::string& line :
         wrap(fmt::format("(not in {} columns: {})", width, fmt::join(left_out, ", ")), width))
      out += line + "\n";
  return out;
}

std::string Table::on_screen() const {
  const Screen screen = screen_of(STDOUT_FILENO);
  return str(screen.styled, screen.width);
}

void Table::print() const {
  const std::string out = on_screen();
  std::fwrite(out.data(), 1, out.size(), stdout);
  flush_output();
}

Table screen_table(const std::vector<Column>& columns, const std::vector<Json>& rows) {
  std::vector<Column> shown = columns;
  std::erase_if(shown, [&](const Column& c) { return !c.on_screen || !is_used(c, rows); });
  std::vector<std::string> headings;
  std::vector<bool> minor;
  for (const Column& column : shown) {
    headings.push_back(column.heading);
    minor.push_back(column.minor);
  }
  Table table(headings, minor);
  for (const Json& row : rows) {
    std::vector<std::string> cells;
    for (const Column& column : shown) cells.push_back(cell_text(column, row));
    table.add(std::move(cells));
  }
  return table;
}

Table run_table(const Json& record) {
  const std::vector<Json> rows = objects(record, "rows");
  return screen_table(run_columns(rows), rows);
}

}  // namespace twice::experiments
