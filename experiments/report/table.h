// Tables for the terminal, the columns of the head-to-head, and the number formats that screen and
// report share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "experiments/files/record.h"

namespace twice::experiments {

/// Three significant digits: "2.31", "231", "2310", "1.20e-07". Here and below a value that is not
/// finite is missing: "-".
std::string format_number(double value);
/// Bytes.
inline constexpr double mib = 1 << 20;
/// With an SI prefix: format_si(2.5e9, "FLOP") = "2.50 GFLOP".
std::string format_si(double value, std::string_view unit = "");
/// A relative error: "1.2e-07"; exactly zero is "0".
std::string format_error(double value);
/// A relative error in a sentence: `format_percent` from 1e-4 on, `format_error` below.
std::string error_text(double error);
/// A share of one: 0.9722 is "97.22 %", 0.0081 is "0.81 %".
std::string format_percent(double value);
/// "1.21×".
std::string format_ratio(double value);
/// "0.96× (0.94 to 0.98)"; "0.99× (0.95 to 1.03): inconclusive" where the interval has 1 within.
std::string ratio_sentence(const Json& row, const std::string& key);
/// A tile of a ratio from its `ratio_sentence`: the number above, its interval behind the words; or
/// `inconclusive` above.
std::pair<std::string, std::string> ratio_tile(const std::string& sentence,
                                               const std::string& words);
/// A duration: "42 s", "3 min 05 s", "2 h 10 min".
std::string format_seconds(double value);

/// The number of code points: the width of a text whose characters are one column wide.
std::size_t width_of(std::string_view text);
/// `text`, or its beginning and "…" where it is wider than `width`.
std::string shortened(const std::string& text, std::size_t width);

/// What a stream is shown on.
struct Screen {
  std::size_t width;  ///< in columns; 0: a file or a pipe, where nothing needs to fit
  bool styled;    ///< escape sequences are obeyed: a terminal, and neither TERM=dumb nor NO_COLOR
  bool erasable;  ///< a line can be redrawn: a terminal, and not TERM=dumb
};

/// The width is the terminal's, else COLUMNS, else 100. A file or a pipe has one only from COLUMNS.
Screen screen_of(int descriptor);

/// `text` in ASCII where LC_ALL, LC_CTYPE or LANG, the first of them that is set, is C or POSIX:
/// "×" as "x", "±" as "+-", "…" as "...". Else `text`.
std::string in_charset(std::string_view text);

/// A column of tables on the screen and in reports: its heading, its meaning, how its numbers are
/// written.
struct Column {
  std::string key;  ///< the field of a record's row
  std::string heading;
  std::string meaning;            ///< one or two sentences, for tooltip and legend
  std::string (*format)(double);  ///< null for text
  bool on_screen = true;          ///< false: in the report only
  bool minor = false;             ///< left out before others where the screen is too narrow
};

/// The columns of a table in columns.txt: @TABLE there.
std::vector<Column> columns_of(const std::string& table);
/// Of the rows of `compare` and `train`.
const std::vector<Column>& run_columns();
/// The same with a column behind the test accuracy for each of the rows' metrics.
std::vector<Column> run_columns(const std::vector<Json>& rows);
/// The names in the `metrics` of rows, the first 64.
std::vector<std::string> metric_names(const std::vector<Json>& rows);
/// "validation loss" for "validation_loss".
std::string heading_of(std::string metric);
/// A number with five digits; an accuracy as a percentage.
std::string format_metric(const std::string& name, double value);

/// The result that ranks rows, the first that one of them has of: validation_accuracy,
/// validation_loss, test_accuracy, loss.
std::string ranking_result(const std::vector<Json>& rows);
bool lower_is_better(std::string_view result);

/// What a row shows under a column, "-" when it has none. A number with an interval (KEY_interval)
/// is shown with half the interval's width, "1.53× ±2 %"; behind a ratio that may be above 1 as
/// well as below stands a question mark.
std::string cell_text(const Column& column, const Json& row);

/// True when at least one row has something under the column.
bool is_used(const Column& column, const std::vector<Json>& rows);

/// Rows of text under headings. Columns of numbers are right-aligned, the others left-aligned.
class Table {
 public:
  explicit Table(std::vector<std::string> headings, std::vector<bool> minor = {});
  /// Cells that are missing at the end are empty.
  void add(std::vector<std::string> cells);
  /// The lines of the table, each ended by a newline. Headings are broken between words to be as
  /// narrow as their columns. Where the table does not fit `width`, texts are shortened (to
  /// 16 columns at the least, those of the first column to 32), then columns are left out and named
  /// in a line below: the minor ones from the right, then the others from the right. 0: any width
  /// fits.
  std::string str(bool bold_headings = false, std::size_t width = 0) const;
  /// As it is shown on stdout: as wide as the screen.
  std::string on_screen() const;
  /// Writes that to stdout.
  void print() const;

 private:
  std::vector<std::string> headings_;
  std::vector<bool> minor_;
  std::vector<std::vector<std::string>> rows_;
};

/// Rows under those of the columns that are for the screen and that some row uses.
Table screen_table(const std::vector<Column>& columns, const std::vector<Json>& rows);
/// The rows of a record of `compare` or `train`.
Table run_table(const Json& record);

}  // namespace twice::experiments
