// The report: text tables, progress bar, plots, pages, and the folder's report.
#include <fmt/format.h>
#include <pty.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <thread>

#include "experiments/files/atomic_file.h"
#include "experiments/report/columns.h"
#include "experiments/report/compare_report.h"
#include "experiments/report/findings.h"
#include "experiments/report/gnuplot.h"
#include "experiments/report/html.h"
#include "experiments/report/plots.h"
#include "experiments/report/progress.h"
#include "experiments/report/report_command.h"
#include "experiments/report/table.h"
#include "tests/experiments/scratch_folder.h"

namespace twice {
namespace {

namespace fs = std::filesystem;

const double nan_value = std::numeric_limits<double>::quiet_NaN();
const double infinity = std::numeric_limits<double>::infinity();

/// A record as `compare` writes it, with results that follow simple rules.
Json sample_record() {
  Json record = {{"command", "compare"},
                 {"version", "0.1.0"},
                 {"machine", {{"cpu", "a CPU"}, {"cores", 2}}},
                 {"config", {{"data", "digits"}, {"gamma", 0.05}, {"epsilon", 1e-4}}}};
  const std::vector<std::string> methods = {"sgd", "exact", "exact-naive", "f-gr", "b-gr", "c-gr"};
  for (std::size_t i = 0; i < methods.size(); ++i) {
    const double k = static_cast<double>(i + 1);
    Json row = {
        {"model", "mlp-64x3-b32-tanh-f32"},
        {"method", methods[i]},
        {"threads", 2},
        {"ms", k},
        {"ms_min", 0.9 * k},
        {"ratio_to_gradient", k},
        {"products", 10 + i},
        {"products_law", 10 + i},
        {"products_law_text", fmt::format("{}L-{}", i + 3, i)},
        {"gflop", 0.5 * k},
        {"peak_mib", 2 * k},
        {"gradient_error_start", i < 3 ? 1.2e-7 : 8e-3},
        {"loss", 0.01 * k},
        {"test_accuracy", 0.9 + 0.01 * k},
        {"gradient_norm", 0.1 / k},
        {"convention", "squared norm"},
        {"equation", "G = equation of <" + methods[i] + ">"},
        {"phases", {{"forward", {{"gflop", 0.2 * k}}}, {"backward", {{"gflop", 0.3 * k}}}}}};
    for (int epoch = 1; epoch <= 5; ++epoch)
      row["curve"].push_back({{"epoch", epoch},
                              {"train_loss", std::exp(-epoch) * k},
                              {"test_accuracy", 1 - 0.5 / epoch},
                              {"gradient_norm", 1. / epoch}});
    record["rows"].push_back(row);
  }
  for (const char* method : {"f-gr", "c-gr"})
    for (int power = -10; power <= 0; ++power) {
      const double epsilon = std::pow(10., power), u = 1e-16;
      const double step = *method == 'f' ? 0.2 * epsilon : 0.1 * epsilon * epsilon;
      record["epsilon_sweep"].push_back({{"method", method},
                                         {"dtype", "f64"},
                                         {"epsilon", epsilon},
                                         {"error", step + u / epsilon},
                                         {"hvp_error", 5 * (step + u / epsilon)}});
    }
  return record;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t result = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size())
    ++result;
  return result;
}

/// "" when every element is closed in order, every attribute quoted, and no stray < or & is in
/// the text; else what is wrong.
std::string markup_error(const std::string& html) {
  std::vector<std::string> open;
  for (std::size_t at = 0; at < html.size();) {
    if (html[at] == '&') {
      const std::size_t end = html.find(';', at);
      if (end == std::string::npos || end - at > 8) return "stray &: " + html.substr(at, 30);
    }
    if (html[at] != '<') {
      ++at;
      continue;
    }
    std::size_t end = at + 1;
    for (char quote = 0; end < html.size() && (quote || html[end] != '>'); ++end) {
      if (quote && html[end] == '<') return "stray <: " + html.substr(at, 60);
      if (quote ? html[end] == quote : html[end] == '"' || html[end] == '\'')
        quote = quote ? '\0' : html[end];
    }
    if (end == html.size()) return "unclosed tag: " + html.substr(at, 40);
    const std::string tag = html.substr(at + 1, end - at - 1);
    at = end + 1;
    if (tag[0] == '!' || tag.back() == '/') continue;
    const std::string name = tag.substr(0, tag.find_first_of(" \n"));
    if (name[0] != '/') {
      open.push_back(name);
    } else if (open.empty() || open.back() != name.substr(1)) {
      return "<" + name + "> closes " + (open.empty() ? "nothing" : open.back());
    } else {
      open.pop_back();
    }
  }
  return open.empty() ? "" : "never closed: " + open.back();
}

/// What would make a browser load or run something from outside.
std::string outside_reference(const std::string& html) {
  for (const char* part : {"src=", "@import", "url(", "<link", "<iframe", "fetch(", "xlink"})
    if (contains(html, part)) return part;
  for (std::size_t at = 0; (at = html.find("://", at)) != std::string::npos; ++at) {
    const std::size_t line = html.rfind(' ', at);
    if (html.compare(line + 1, 7, "xmlns=\"") != 0) return html.substr(line, 60);
  }
  for (std::size_t at = 0; (at = html.find("href=", at)) != std::string::npos; ++at)
    if (html.compare(at, 7, "href=\"#") != 0) return html.substr(at, 60);
  return "";
}

void check_page(const std::string& html) {
  BOOST_TEST(markup_error(html) == "");
  BOOST_TEST(outside_reference(html) == "");
  BOOST_TEST(contains(html, "prefers-color-scheme: dark"));
}

/// A terminal: what is written to `slave` can be read from it.
struct Terminal {
  Terminal() {
    winsize size{};
    size.ws_row = 24, size.ws_col = 60;
    BOOST_REQUIRE(openpty(&master, &slave, nullptr, nullptr, &size) == 0);
  }
  ~Terminal() { ::close(master), ::close(slave); }
  std::string read() const {
    std::string result(1 << 16, '\0');
    const ssize_t size = ::read(master, result.data(), result.size());
    return result.substr(0, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  }
  int master = -1, slave = -1;
};

/// x coordinates of the right and left ends of the bars in an SVG.
std::vector<std::pair<double, double>> bar_ends(const std::string& svg) {
  std::vector<std::pair<double, double>> ends;
  for (std::size_t at = 0; (at = svg.find("points = '", at)) != std::string::npos; ++at) {
    double left = 0, right = 0, y = 0;
    BOOST_REQUIRE(std::sscanf(svg.c_str() + at, "points = '%lf,%lf %lf", &left, &y, &right) == 3);
    ends.emplace_back(left, right);
  }
  return ends;
}

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

BOOST_AUTO_TEST_CASE(bars_are_as_long_as_their_values) {
  BarPlot plot{.label = "times"};
  plot.bars.push_back({"a", "1", {1}, {method_ink("sgd")}});
  plot.bars.push_back({"b", "1 + 2", {1, 2}, {ramp_ink(0), ramp_ink(1)}});
  plot.bars.push_back({"c", "missing", {nan_value}, {method_ink("sgd")}});
  const std::string svg = bar_plot(plot);
  const auto ends = bar_ends(svg);
  BOOST_REQUIRE(ends.size() == 3u);
  const double unit = ends[0].second - ends[0].first;
  BOOST_TEST(unit > 30);
  BOOST_TEST(std::abs(ends[1].second - ends[1].first - unit) < 0.1);
  BOOST_TEST(std::abs(ends[2].second - ends[2].first - 2 * unit) < 0.1);
  BOOST_TEST(std::abs(ends[2].first - ends[1].second) < 0.1);  // stacked
  BOOST_TEST(contains(svg, "var(--sgd)"));
  BOOST_TEST(contains(svg, "var(--ramp-2)"));
  BOOST_TEST(contains(svg, "missing"));
  BOOST_TEST(markup_error(svg) == "");
}

BOOST_AUTO_TEST_CASE(curves_have_gaps_where_numbers_are_missing) {
  CurvePlot plot{.label = "loss", .x_title = "epoch"};
  plot.curves.push_back({"exact", {1, 2, 3, 4, 5}, {5, 4, nan_value, 2, 1}, method_ink("exact")});
  const std::string svg = curve_plot(plot);
  const std::size_t line = svg.find("d='", svg.find("data-series=\"exact\""));
  BOOST_REQUIRE(line != std::string::npos);
  const std::string path = svg.substr(line, svg.find('\'', line + 3) - line);
  BOOST_TEST(count(path, "M") == 2u);
  BOOST_TEST(count(path, "L") == 2u);
  BOOST_TEST(contains(svg, "currentColor"));
  for (const char* own : {"rgb(", "black", " id=", "font-family", "gnuplot_plot"})
    BOOST_TEST(!contains(svg, own));
  // Nothing to draw: no plot rather than an error.
  plot.curves[0].y.assign(5, nan_value);
  BOOST_TEST(curve_plot(plot) == "");
  plot.curves[0].y.assign(5, -1);
  plot.log_y = true;
  BOOST_TEST(curve_plot(plot) == "");
  BOOST_TEST(bar_plot({}) == "");
  // One point, and values that are all the same.
  plot.curves[0] = {"exact", {1}, {0.5}, method_ink("exact")};
  BOOST_TEST(contains(curve_plot(plot), "<circle"));
  plot.curves[0] = {"exact", {1, 2}, {0, 0}, method_ink("exact")};
  plot.log_y = false;
  BOOST_TEST(contains(curve_plot(plot), "data-series"));
}

BOOST_AUTO_TEST_CASE(logarithmic_ticks_are_round) {
  const std::vector<double> few = log_ticks(0.015, 0.6);
  const std::vector<double> expected = {0.02, 0.05, 0.1, 0.2, 0.5};
  BOOST_REQUIRE(few.size() == expected.size());
  for (std::size_t i = 0; i < few.size(); ++i)
    BOOST_TEST(std::abs(few[i] / expected[i] - 1) < 1e-9);
  BOOST_TEST(log_ticks(1e-16, 10).size() <= 9u);
  BOOST_TEST(tick_text(0.05) == "0.05");
  BOOST_TEST(tick_text(1e-12) == "10⁻¹²");
  BOOST_TEST(tick_text(0.01, true) == "10⁻²");
  BOOST_TEST(tick_text(1, true) == "1");
}

BOOST_AUTO_TEST_CASE(gnuplot_failures_are_one_clear_line) {
  const std::string failed = error_of([] { run_gnuplot("set terminal svg\nset nonsense\n"); });
  BOOST_TEST(failed.starts_with("[plot] gnuplot (Debian package gnuplot-nox) failed: line 0: "));
  BOOST_TEST(!contains(failed, "\n"));

  const std::string path = std::getenv("PATH");
  ::setenv("PATH", "/nonexistent", 1);
  const std::string missing = error_of([] { run_gnuplot("set terminal svg\nplot x\n"); });
  ::setenv("PATH", path.c_str(), 1);
  BOOST_TEST(missing ==
             "[plot] cannot start gnuplot: No such file or directory; expected the Debian package "
             "gnuplot-nox");
}

BOOST_AUTO_TEST_CASE(plots_take_any_text_as_text) {
  const ScratchFolder folder;
  const std::string file = (folder.path / "made").string();
  const std::string hostile = "'; system('touch " + file + "')\n`touch " + file +
                              "` %d %s \"$(touch " + file + ")\" <b> & \\";
  BarPlot bars{.label = hostile};
  bars.bars.push_back({hostile, hostile, {1}, {method_ink(hostile)}});
  CurvePlot curves{.label = hostile, .x_title = hostile};
  curves.curves.push_back({hostile, {1, 2}, {1, 2}, method_ink(hostile)});
  for (const std::string& svg : {bar_plot(bars), curve_plot(curves)}) {
    BOOST_TEST(markup_error(svg) == "");
    BOOST_TEST(contains(svg, "%d %s"));
  }
  BOOST_TEST(!fs::exists(file));
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

BOOST_AUTO_TEST_CASE(compare_page_shows_every_row) {
  const Json record = sample_record();
  const std::string html = compare_html(record);
  check_page(html);
  for (const Json& row : record["rows"]) {
    const std::string method = text(row, "method");
    BOOST_TEST(contains(html, "</i>" + method + "</th>"));            // its row
    BOOST_TEST(count(html, "data-series=\"" + method + "\"") >= 6u);  // bars, phases, curves
    BOOST_TEST(contains(html, escape(text(row, "equation"))));
  }
  for (const Column& column : run_columns())
    if (is_used(column, objects(record["rows"]))) {
      BOOST_TEST(contains(html, escape(column.heading)));
      BOOST_TEST(count(html, escape(column.meaning)) == 2u);  // tooltip and legend
    }
  BOOST_TEST(count(html, "<svg") == 8u);
  BOOST_TEST(contains(html, "mlp-64x3-b32-tanh-f32 on digits"));
  BOOST_TEST(contains(html, "slope 2"));
}

BOOST_AUTO_TEST_CASE(compare_page_tolerates_what_is_missing) {
  for (const char* json : {"null", "[]", "{}", R"({"rows": 3})", R"({"rows": [{}]})",
                           R"({"rows": [{"method": 7, "curve": [{"epoch": 1}, 3, null]}, null]})",
                           R"({"rows": [{"method": "exact", "phases": {"forward": null}}],
                               "epsilon_sweep": [{}, {"epsilon": 0, "error": 0}, 5]})"})
    check_page(compare_html(Json::parse(json)));
  Json record = sample_record();
  for (Json& row : record["rows"])
    for (const char* key : {"ms", "loss", "test_accuracy", "peak_mib", "gflop"}) row[key] = nullptr;
  record["rows"][0]["curve"][2]["train_loss"] = nan_value;
  record["rows"][1]["curve"][4]["train_loss"] = infinity;
  const std::string html = compare_html(record);
  check_page(html);
  BOOST_TEST(!contains(html, ">-<"));  // columns that no row has are left out
  record["rows"][1]["loss"] = 0.5;
  BOOST_TEST(count(compare_html(record), ">-</td>") == 5u);
}

BOOST_AUTO_TEST_CASE(pages_take_any_text_as_text) {
  BOOST_TEST(escape("<a href=\"x\">&'\x01") == "&lt;a href=&quot;x&quot;&gt;&amp;&#39;\uFFFD");
  const std::string hostile = "</title><script>alert('1')</script>\"&`\n%d";
  Json record = sample_record();
  for (Json& row : record["rows"])
    for (const char* key : {"model", "method", "convention", "equation", "products_law_text"})
      row[key] = hostile;
  record["config"][hostile] = hostile;
  record["machine"][hostile] = hostile;
  record["version"] = hostile;
  record["epsilon_sweep"][0]["method"] = hostile;
  record["rows"][0]["phases"][hostile]["gflop"] = 1;
  const std::string html = compare_html(record);
  check_page(html);
  BOOST_TEST(!contains(html, "<script>alert"));
  BOOST_TEST(count(html, "<script>") == 1u);
}

BOOST_AUTO_TEST_CASE(report_holds_every_record_of_a_folder) {
  const ScratchFolder folder;
  fs::create_directories(folder.path / "runs" / "one");
  Json train = sample_record();
  train["command"] = "train";
  train["rows"] = Json::array({train["rows"][1]});
  write_atomically(folder.path / "runs" / "one" / "train.json", train.dump());
  write_atomically(folder.path / "compare.json", sample_record().dump());
  write_atomically(folder.path / "other.json", R"({"command": "check"})");
  write_atomically(folder.path / "not-ours.json", "[1, 2]");
  write_report(folder.path);
  const std::string html = read_file(folder.path / "report.html");
  check_page(html);
  BOOST_TEST(contains(html, "2 records"));
  for (const char* part : {"runs/one/train.json", "compare.json", "id=\"record-1\"",
                           "href=\"#record-2\"", "id=\"record-2\"", "<h2>train: "})
    BOOST_TEST(contains(html, part));
  BOOST_TEST(!contains(html, "not-ours.json"));
}

BOOST_AUTO_TEST_CASE(report_names_corrupt_files) {
  const ScratchFolder folder;
  const std::string bad = (folder.path / "cut.json").string();
  write_atomically(bad, R"({"command": "compare", "rows": [)");
  const std::string none = error_of([&] { write_report(folder.path); });
  BOOST_TEST(none.starts_with("[report] no records in "));
  BOOST_TEST(contains(none, bad));
  BOOST_TEST(!fs::exists(folder.path / "report.html"));

  write_atomically(folder.path / "compare.json", sample_record().dump());
  const std::string error = error_of([&] { write_report(folder.path); });
  BOOST_TEST(error.starts_with("[report] " + bad + " is no valid JSON"));
  BOOST_TEST(!contains(error, "\n"));
  const std::string html = read_file(folder.path / "report.html");
  check_page(html);
  BOOST_TEST(contains(html, "Left out: "));
  BOOST_TEST(contains(html, "1 record "));
}

BOOST_AUTO_TEST_CASE(report_needs_a_folder_with_records) {
  const ScratchFolder folder;
  BOOST_TEST(contains(error_of([&] { write_report(folder.path); }), "no records in"));
  BOOST_TEST(contains(error_of([&] { write_report(folder.path / "missing"); }),
                      "missing: No such file or directory; expected a folder"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace twice
