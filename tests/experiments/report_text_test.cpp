// Tests the text of reports: number formats, text tables, the progress bar and findings.
#include <fmt/core.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <thread>

#include "experiments/report/progress.h"
#include "experiments/report/sections.h"
#include "experiments/report/table.h"
#include "tests/experiments/pages.h"
#include "tests/experiments/scratch_folder.h"

namespace twice {
using namespace experiments;
namespace {

namespace fs = std::filesystem;

/// A pseudo-terminal. `read` returns the text written to `slave`. If the system provides no
/// terminals, as in a container without /dev/pts, `error` has the reason.
struct Terminal {
  Terminal() {
    winsize size{};
    size.ws_row = 24, size.ws_col = 60;
    if (openpty(&master, &slave, nullptr, nullptr, &size) != 0) error = std::strerror(errno);
  }
  ~Terminal() { ::close(master), ::close(slave); }
  std::string read() const {
    std::string result(1 << 16, '\0');
    const ssize_t size = ::read(master, result.data(), result.size());
    return result.substr(0, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  }
  int master = -1, slave = -1;
  std::string error;
};

/// Sets an environment variable until the end of the scope.
struct ScopedVariable {
  ScopedVariable(const char* name, const char* value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    ::setenv(name, value, 1);
  }
  ~ScopedVariable() { before_ ? ::setenv(name_, before_->c_str(), 1) : ::unsetenv(name_); }
  const char* name_;
  std::optional<std::string> before_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(report)

BOOST_AUTO_TEST_CASE(number_formats) {
  BOOST_TEST(format_number(2.314) == "2.31");
  BOOST_TEST(format_number(23.14) == "23.1");
  BOOST_TEST(format_number(2314) == "2314");
  BOOST_TEST(format_number(0.02314) == "0.0231");
  BOOST_TEST(format_number(-0.5) == "-0.500");
  BOOST_TEST(format_number(9.996) == "10.0");
  BOOST_TEST(format_number(1.2e-7) == "1.20e-07");
  BOOST_TEST(format_number(0) == "0");
  BOOST_TEST(format_si(2.5e9, "FLOP") == "2.50 GFLOP");
  BOOST_TEST(format_si(999.9) == "1.00 k");
  BOOST_TEST(format_si(0.0042, "s") == "4.20 ms");
  BOOST_TEST(format_si(0, "B") == "0 B");
  BOOST_TEST(format_error(1.23e-7) == "1.2e-07");
  BOOST_TEST(format_error(0) == "0");
  BOOST_TEST(format_percent(0.9722) == "97.22 %");
  BOOST_TEST(format_percent(0.0081) == "0.81 %");
  BOOST_TEST(format_percent(1.2e-5) == "0.0012 %");
  BOOST_TEST(format_ratio(1.2149) == "1.21×");
  BOOST_TEST(format_seconds(3.04) == "3.0 s");
  BOOST_TEST(format_seconds(185.2) == "3 min 05 s");
  BOOST_TEST(format_seconds(7800) == "2 h 10 min");
  for (const double missing : {nan_value, infinity, -infinity})
    for (const auto& format :
         {format_number, format_error, format_percent, format_ratio, format_seconds})
      BOOST_TEST(format(missing) == "-");
}

BOOST_AUTO_TEST_CASE(table_aligns_words_left_and_numbers_right) {
  Table table({"method", "ms", "vs gradient", "note"});
  table.add({"sgd", "1.2", "1.00×", "plain"});
  table.add({"exact-naive", "13.4", "-", "two words"});
  BOOST_TEST(table.str() ==
             "method         ms  vs gradient  note\n"
             "sgd           1.2        1.00×  plain\n"
             "exact-naive  13.4            -  two words\n");
  BOOST_TEST(table.str(true).starts_with("\033[1mmethod"));
  BOOST_TEST(contains(error_of([&] { table.add({"1", "2", "3", "4", "5"}); }), "4 headings"));
}

/// The lines of a text. Checks that none is wider than `width`.
std::vector<std::string> lines_within(const std::string& text, std::size_t width) {
  std::vector<std::string> lines;
  std::string line;
  for (std::istringstream stream(text); std::getline(stream, line);) {
    BOOST_TEST(width_of(line) <= width, line);
    lines.push_back(line);
  }
  return lines;
}

BOOST_AUTO_TEST_CASE(table_fits_its_width) {
  Table table({"name", "a rather long heading", "number", "law", "text"},
              {false, false, false, true, false});
  table.add(
      {"a", "1", "1234567", "6L - 3", "many words that are shortened, never broken into lines"});
  // Without a width the table is complete.
  BOOST_TEST(contains(table.str(), "never broken into lines"));
  BOOST_TEST(lines_within(table.str(), 200).size() == 2u);
  // To save width, the table first breaks headings into lines and shortens texts, to 16 columns.
  std::vector<std::string> lines = lines_within(table.str(false, 60), 60);
  BOOST_TEST(lines.size() == 5u);  // "a", "rather", "long", "heading"
  BOOST_TEST(lines.back().starts_with("a"));
  BOOST_TEST(lines.back().ends_with("many words that are shorten…"));
  // Then the table leaves out columns, the minor one first, and names them.
  lines = lines_within(table.str(false, 45), 45);
  BOOST_TEST(contains(lines.back(), "(not in 45 columns: law)"));
  lines = lines_within(table.str(false, 24), 24);
  BOOST_TEST(lines.back() == "text, law)");
  BOOST_TEST(contains(table.str(false, 24), "1234567"));
  // The first column stays even on the narrowest screen.
  BOOST_TEST(lines_within(table.str(false, 3), 8).front() == "nam");
  // The table of `compare` fits a terminal.
  for (const std::size_t width : {80, 100, 120})
    lines_within(run_table(sample_record()).str(false, width), width);
  BOOST_TEST(!contains(run_table(sample_record()).str(false, 120), "not in"));
}

BOOST_AUTO_TEST_CASE(other_charsets_get_ascii) {
  const ScopedVariable all("LC_ALL", "C");
  BOOST_TEST(in_charset("1.21× 2 ± 1 … 10⁻¹² 10⁹ ∇ 中a") == "1.21x 2 +- 1 ... 10^-12 10^9 grad ?a");
  Table table({"name", "±"});
  table.add({"a long name, which is cut", "2.00×"});
  for (const std::string& line : lines_within(table.str(false, 20), 20))
    for (const char c : line) BOOST_TEST(static_cast<unsigned char>(c) < 0x80u);
  const ScopedVariable utf8("LC_ALL", "C.UTF-8");
  BOOST_TEST(in_charset("×") == "×");
  const ScopedVariable none("LC_ALL", ""), type("LC_CTYPE", ""), language("LANG", "POSIX");
  BOOST_TEST(in_charset("×") == "x");
}

BOOST_AUTO_TEST_CASE(screens_of_terminals_and_files) {
  const ScopedVariable columns("COLUMNS", "77"), term("TERM", "xterm"), color("NO_COLOR", "");
  const ScratchFolder folder;
  std::FILE* file = std::fopen((folder.path / "log").c_str(), "w");
  BOOST_REQUIRE(file);
  BOOST_TEST(screen_of(fileno(file)).width == 77u);
  BOOST_TEST(!screen_of(fileno(file)).styled);
  const ScopedVariable no_columns("COLUMNS", "");
  BOOST_TEST(screen_of(fileno(file)).width == 0u);
  std::fclose(file);
  const Terminal terminal;
  if (!terminal.error.empty()) return;
  BOOST_TEST(screen_of(terminal.slave).width == 60u);
  BOOST_TEST((screen_of(terminal.slave).styled && screen_of(terminal.slave).erasable));
  const ScopedVariable no_color("NO_COLOR", "1");
  BOOST_TEST((!screen_of(terminal.slave).styled && screen_of(terminal.slave).erasable));
  const ScopedVariable dumb("TERM", "dumb");
  BOOST_TEST((!screen_of(terminal.slave).styled && !screen_of(terminal.slave).erasable));
  const winsize unknown{};
  BOOST_TEST(ioctl(terminal.slave, TIOCSWINSZ, &unknown) == 0);
  BOOST_TEST(screen_of(terminal.slave).width == 100u);
}

BOOST_AUTO_TEST_CASE(table_shows_missing_values_as_dashes) {
  Json record = sample_record();
  record["rows"][1].erase("loss");
  record["rows"][2]["ms"] = nullptr;
  record["rows"][3]["products_law"] = 99;
  record["rows"][4]["peak_mib"] = "a text where a number belongs";
  const std::string text = run_table(record).str();
  BOOST_TEST(count(text, " -") == 3u);
  BOOST_TEST(contains(text, "6L-3 = 99"));
  BOOST_TEST(!contains(text, "error at end"));  // no row has this column
  BOOST_TEST(run_table(Json()).str() == "");
}

BOOST_AUTO_TEST_CASE(progress_is_drawn_in_place_and_erased) {
  const ScopedVariable term("TERM", "xterm");
  const Terminal terminal;
  if (!terminal.error.empty()) {
    fmt::print("skipped: report, the progress bar: no pseudo-terminal: {}; it needs /dev/pts\n",
               terminal.error);
    return;
  }
  {
    Progress progress("comparing", 4, terminal.slave);
    BOOST_TEST(contains(terminal.read(), "comparing [------------------------]   0 %"));
    for (int i = 0; i < 1000; ++i) progress.advance(0, "too fast to be drawn");
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    progress.advance(1.99, "a note that is longer than the terminal is wide, by far");
    const std::string drawn = terminal.read();
    BOOST_TEST(count(drawn, "\r") <= 2u);  // redrawn only after the interval has passed
    BOOST_TEST(contains(drawn, "[############------------]  49 %, "));
    BOOST_TEST(contains(drawn, " s left, a"));
    BOOST_TEST(width_of(drawn.substr(drawn.rfind('\r'))) <=
               1u + 59 + 3);  // \r, the line, "erase the rest"
  }
  BOOST_TEST(terminal.read() == "\r\033[K");
}

BOOST_AUTO_TEST_CASE(progress_is_silent_in_a_dumb_terminal) {
  const Terminal terminal;
  if (!terminal.error.empty()) return;
  const ScopedVariable term("TERM", "dumb");
  { Progress progress("comparing", 4, terminal.slave); }
  BOOST_TEST(::write(terminal.slave, "end", 3) == 3);
  BOOST_TEST(terminal.read() == "end");
}

BOOST_AUTO_TEST_CASE(progress_is_silent_in_a_file) {
  const ScratchFolder folder;
  std::FILE* file = std::fopen((folder.path / "log").c_str(), "w");
  BOOST_REQUIRE(file);
  {
    Progress progress("comparing", 2, fileno(file));
    progress.advance();
  }
  std::fclose(file);
  BOOST_TEST(fs::file_size(folder.path / "log") == 0u);
}

BOOST_AUTO_TEST_CASE(error_slopes_are_those_of_power_laws) {
  std::vector<double> epsilons, first, second;
  for (int power = -12; power <= 0; ++power) {
    const double e = std::pow(10., power);
    epsilons.push_back(e);
    first.push_back(0.2 * e + 1e-16 / e);
    second.push_back(0.1 * e * e + 1e-16 / e);
  }
  BOOST_TEST(std::abs(error_slope(epsilons, first) - 1) < 0.01);
  BOOST_TEST(std::abs(error_slope(epsilons, second) - 2) < 0.01);
  BOOST_TEST(std::isnan(error_slope({1, 2}, {0, nan_value})));
  BOOST_TEST(std::isnan(error_slope({}, {})));
}

BOOST_AUTO_TEST_CASE(findings_follow_from_the_numbers) {
  Json record = sample_record();
  const auto all = [&] { return compare_html(record); };
  const std::string text = all();
  BOOST_TEST(contains(text,
                      "A step of exact takes 2.00 ms, 0.50× the time of f-gr (4.00 ms) and "
                      "2.00× that of sgd."));
  BOOST_TEST(contains(text, "exact is off by 1.2e-07; f-gr&#39;s by 0.80 %, b-gr&#39;s by 0.80 %"));
  BOOST_TEST(contains(text, "between 91.00 % (sgd) and 96.00 % (c-gr)"));
  BOOST_TEST(contains(text, "f-gr at slope 1.00, c-gr at slope 2.00"));
  BOOST_TEST(contains(text, "Every method&#39;s count of products is the one its law predicts."));
  record["rows"][3]["products_law"] = 7;
  BOOST_TEST(contains(all(), "f-gr has 13 products, the law 6L-3 says 7"));
  record["rows"] = Json::array();
  record["epsilon_sweep"] = nullptr;
  BOOST_TEST(!contains(all(), "<li>"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace twice
