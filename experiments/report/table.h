// Tables for the terminal, the columns of tables, and the number formats that screen and report
// share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "experiments/files/record.h"

namespace twice::experiments {

/// Three significant digits: "2.31", "231", "2310", "1.20e-07". Here and below, a value that is not
/// finite is shown as "-".
std::string format_number(double value);
/// The number of bytes in a MiB.
inline constexpr double mib = 1 << 20;
/// With an SI prefix: format_si(2.5e9, "FLOP") = "2.50 GFLOP".
std::string format_si(double value, std::string_view unit = "");
/// A relative error: "1.2e-07"; exactly zero is "0".
std::string format_error(double value);
/// A relative error in a sentence: `format_percent` from 1e-4 on, `format_error` below.
std::string error_text(double error);
/// A share: 0.9722 is "97.22 %", 0.0081 is "0.81 %".
std::string format_percent(double value);
/// "1.21×".
std::string format_ratio(double value);
/// A ratio with its interval: "0.96× (0.94 to 0.98)", or "0.99× (0.95 to 1.03): inconclusive" if
/// the interval contains 1.
std::string ratio_sentence(const Json& row, const std::string& key);
/// A tile from a `ratio_sentence`: the ratio as the large number, and `words` with the interval as
/// the caption. If the sentence says "inconclusive", this word replaces the ratio.
std::pair<std::string, std::string> ratio_tile(const std::string& sentence,
                                               const std::string& words);
/// A duration: "42 s", "3 min 05 s", "2 h 10 min".
std::string format_seconds(double value);

/// The number of code points: the width of a text whose characters are one column wide.
std::size_t width_of(std::string_view text);
/// `text`, or its beginning and "…" if it is wider than `width`.
std::string shortened(const std::string& text, std::size_t width);

/// The properties of the screen that shows a stream.
struct Screen {
  std::size_t width;  ///< in columns; 0 for a file or a pipe, which has no limit
  bool styled;        ///< escape sequences work: a terminal, and neither TERM=dumb nor NO_COLOR
  bool erasable;      ///< a line can be redrawn: a terminal, and not TERM=dumb
};

/// The width is that of the terminal, else COLUMNS, else 100. For a file or a pipe it is COLUMNS,
/// else 0.
Screen screen_of(int descriptor);

/// `text` in ASCII if the locale is C or POSIX: "×" becomes "x", "±" becomes "+-", "…" becomes
/// "...". Otherwise `text`. The locale is the first of LC_ALL, LC_CTYPE and LANG that is set.
std::string in_charset(std::string_view text);

/// A column of tables on the screen and in reports: its heading, its meaning, and the format of its
/// numbers.
struct Column {
  std::string key;  ///< the field of a record's row
  std::string heading;
  std::string meaning;            ///< one or two sentences, for tooltip and legend
  std::string (*format)(double);  ///< null for text
  bool on_screen = true;          ///< false: only in the report
  bool minor = false;             ///< left out first if the screen is too narrow
};

/// The columns of the table @TABLE in columns.txt.
std::vector<Column> columns_of(const std::string& table);
/// The columns of the rows of `compare` and `train`, with a column for each of the rows' metrics
/// after the test accuracy.
std::vector<Column> run_columns(const std::vector<Json>& rows);
/// The names in the `metrics` of the rows, at most 64.
std::vector<std::string> metric_names(const std::vector<Json>& rows);
/// The heading of a metric: "validation loss" for "validation_loss".
std::string heading_of(std::string metric);
/// Formats a metric with five digits, and an accuracy as a percentage.
std::string format_metric(const std::string& name, double value);

/// The result that ranks rows: the first of validation_accuracy, validation_loss, test_accuracy and
/// loss that some row has.
std::string ranking_result(const std::vector<Json>& rows);
bool lower_is_better(std::string_view result);
/// A key that sorts such results from the best to the worst. Values that are not finite come last.
double rank_of(std::string_view result, double value);
/// The name of such a result in a sentence: "test loss" for "loss".
std::string result_name(const std::string& result);

/// The text of a row in a column; "-" if the row has no value. A number with an interval
/// (KEY_interval) is shown with half the interval's width, as in "1.53× ±2 %". A question mark
/// follows a ratio whose interval contains 1.
std::string cell_text(const Column& column, const Json& row);

/// Whether at least one row has a value in the column.
bool is_used(const Column& column, const std::vector<Json>& rows);

/// Rows of text under headings. Columns of numbers are right-aligned, the others left-aligned.
class Table {
 public:
  explicit Table(std::vector<std::string> headings, std::vector<bool> minor = {});
  /// Adds a row. Missing cells at the end are empty.
  void add(std::vector<std::string> cells);
  /// The lines of the table, each with a newline. Headings break between words to be as narrow as
  /// their columns. If the table is wider than `width`, texts are shortened, to no less than 16
  /// columns (32 in the first column). If it is still too wide, columns are left out from the
  /// right, first the minor ones, and a line below names them. A `width` of 0 is unlimited.
  std::string str(bool bold_headings = false, std::size_t width = 0) const;
  /// The table as wide as the screen of stdout.
  std::string on_screen() const;
  /// Writes `on_screen` to stdout.
  void print() const;

 private:
  std::vector<std::string> headings_;
  std::vector<bool> minor_;
  std::vector<std::vector<std::string>> rows_;
};

/// A table of the rows, with the columns that are for the screen and that some row uses.
Table screen_table(const std::vector<Column>& columns, const std::vector<Json>& rows);
/// The table of the rows of a record of `compare` or `train`.
Table run_table(const Json& record);

}  // namespace twice::experiments
