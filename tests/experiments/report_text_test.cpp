// What reports say in words: number formats, text tables, the progress bar, findings.
#include <fmt/core.h>
#include <pty.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <thread>

#include "experiments/report/columns.h"
#include "experiments/report/findings.h"
#include "experiments/report/progress.h"
#include "experiments/report/table.h"
#include "tests/experiments/pages.h"
#include "tests/experiments/scratch_folder.h"

namespace twice {
using namespace experiments;
namespace {

namespace fs = std::filesystem;

/// A terminal: what is written to `slave` can be read from it. Where the system has none to give,
/// as in a container without /dev/pts, `error` says why.
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

BOOST_AUTO_TEST_CASE(table_fits_its_width) {
  Table table({"a rather long heading", "number", "text"});
  table.add({"1", "1234567", "many words that must go to several lines, none of them lost"});
  for (const std::size_t width : {30, 50, 120}) {
    const std::string text = table.str(false, width);
    std::string line;
    for (std::istringstream lines(text); std::getline(lines, line);)
      BOOST_TEST(line.size() <= width);
    for (const char* word : {"many", "several", "lost", "1234567", "rather"})
      BOOST_TEST(contains(text, word));
  }
  // The whole head-to-head fits a terminal.
  std::string line;
  for (std::istringstream lines(run_table(sample_record()).str()); std::getline(lines, line);)
    BOOST_TEST(line.size() <= 125u);  // bytes; × has two
}

BOOST_AUTO_TEST_CASE(table_shows_what_a_row_lacks_as_a_dash) {
  Json record = sample_record();
  record["rows"][1].erase("loss");
  record["rows"][2]["ms"] = nullptr;
  record["rows"][3]["products_law"] = 99;
  record["rows"][4]["peak_mib"] = "a text where a number belongs";
  const std::string text = run_table(record).str();
  BOOST_TEST(count(text, " -") == 3u);
  BOOST_TEST(contains(text, "6L-3 = 99"));
  BOOST_TEST(!contains(text, "error at end"));  // no row has it
  BOOST_TEST(run_table(Json()).str() == "");
}

BOOST_AUTO_TEST_CASE(progress_is_drawn_in_place_and_erased) {
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
    progress.advance(2, "a note that is longer than the terminal is wide, by far");
    const std::string drawn = terminal.read();
    BOOST_TEST(count(drawn, "\r") <= 2u);  // redrawn only once the interval had passed
    BOOST_TEST(contains(drawn, "[############------------]  50 %, "));
    BOOST_TEST(contains(drawn, " s left, a"));
    BOOST_TEST(drawn.size() - drawn.rfind('\r') <= 1 + 59 + 3);  // \r, the line, "erase the rest"
  }
  BOOST_TEST(terminal.read() == "\r\033[K");
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

BOOST_AUTO_TEST_CASE(findings_say_what_the_numbers_say) {
  Json record = sample_record();
  const auto all = [&] {
    std::string text;
    for (const std::string& line : findings(objects(record["rows"]), record)) text += line + "\n";
    return text;
  };
  const std::string text = all();
  BOOST_TEST(contains(text,
                      "A step of exact takes 2.00 ms, 0.50× the time of f-gr (4.00 ms) and "
                      "2.00× that of sgd."));
  BOOST_TEST(contains(text, "exact is off by 1.2e-07; f-gr's by 0.80 %, b-gr's by 0.80 %"));
  BOOST_TEST(contains(text, "between 91.00 % (sgd) and 96.00 % (c-gr)"));
  BOOST_TEST(contains(text, "f-gr at slope 1.00, c-gr at slope 2.00"));
  BOOST_TEST(contains(text, "Every method's count of products is the one its law predicts."));
  record["rows"][3]["products_law"] = 7;
  BOOST_TEST(contains(all(), "f-gr has 13 products, the law 6L-3 says 7"));
  record["rows"] = Json::array();
  record["epsilon_sweep"] = nullptr;
  BOOST_TEST(all() == "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace twice
