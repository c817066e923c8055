// Tables for the terminal and the number formats that screen and report share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace twice::experiments {

/// Three significant digits: "2.31", "231", "2310", "1.20e-07". Here and below what is not finite
/// is "-": a value that is missing.
std::string format_number(double value);
/// With an SI prefix: format_si(2.5e9, "FLOP") = "2.50 GFLOP".
std::string format_si(double value, std::string_view unit = "");
/// A relative error: "1.2e-07"; exactly zero is "0".
std::string format_error(double value);
/// A share of one: 0.9722 is "97.22 %", 0.0081 is "0.81 %".
std::string format_percent(double value);
/// "1.21×".
std::string format_ratio(double value);
/// A duration: "42 s", "3 min 05 s", "2 h 10 min".
std::string format_seconds(double value);

/// Rows of text under headings. Columns of numbers are right-aligned, the others left-aligned.
class Table {
 public:
  explicit Table(std::vector<std::string> headings);
  /// Cells that are missing at the end are empty.
  void add(std::vector<std::string> cells);
  /// The lines of the table, each ended by a newline. What does not fit `width` columns is made
  /// narrower by breaking lines between words, first of the headings, then of the widest text.
  std::string str(bool bold_headings = false, std::size_t width = 120) const;
  /// Writes it to stdout; the headings are bold when stdout is a terminal.
  void print() const;

 private:
  std::vector<std::string> headings_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace twice::experiments
