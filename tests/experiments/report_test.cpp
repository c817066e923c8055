// Tests the page of `compare` and the page of a folder.

#include <boost/test/unit_test.hpp>
#include <filesystem>

#include "experiments/files/atomic_file.h"
#include "experiments/report/html.h"
#include "experiments/report/sections.h"
#include "experiments/report/table.h"
#include "experiments/report/write_report.h"
#include "tests/experiments/pages.h"
#include "tests/experiments/scratch_folder.h"

namespace twice {
using namespace experiments;
namespace {

namespace fs = std::filesystem;

}  // namespace

BOOST_AUTO_TEST_SUITE(report)

BOOST_AUTO_TEST_CASE(compare_page_shows_every_row) {
  const Json record = sample_record();
  const std::string html = compare_html(record);
  check_page(html);
  for (const Json& row : record["rows"]) {
    const std::string method = text(row, "method");
    BOOST_TEST(contains(html, "</i>" + method + "</th>"));            // the method's row
    BOOST_TEST(count(html, "data-series=\"" + method + "\"") >= 3u);  // in bars and phases
    BOOST_TEST(count_curves(html, method) >= 3u);
    BOOST_TEST(contains(html, escape(text(row, "equation"))));
  }
  for (const Column& column : columns_of("runs"))
    if (is_used(column, objects(record["rows"]))) {
      BOOST_TEST(contains(html, escape(column.heading)));
      BOOST_TEST(count(html, escape(column.meaning)) == 2u);  // in the tooltip and the legend
    }
  BOOST_TEST(count(html, "<svg xmlns") == 3u);
  BOOST_TEST(chart_data(html).size() == 5u);
  BOOST_TEST(contains(html, "/*! @license"));
  BOOST_TEST(contains(html, "mlp-64x3-b32-tanh-f32 on digits"));
  BOOST_TEST(contains(html, "<title>compare: mlp-64x3-b32-tanh-f32 on digits</title>"));
  const Json errors = chart_data(html)[3];
  BOOST_TEST(errors["guides"][1][0] == 2);  // the slope for c-gr
  BOOST_TEST(errors["mark"] == 1e-4);
}

BOOST_AUTO_TEST_CASE(compare_page_tolerates_missing_fields) {
  for (const char* json : {"null", "[]", "{}", R"({"rows": 3})", R"({"rows": [{}]})",
                           R"({"rows": [{"method": 7, "curve": [{"epoch": 1}, 3, null]}, null]})",
                           R"({"rows": [{"method": "exact", "phases": {"forward": null}}],
                               "epsilon_sweep": [{}, {"epsilon": 0, "error": 0}, 5]})"})
    check_page(compare_html(Json::parse(json)));
  BOOST_TEST(!contains(compare_html({}), "@license"));  // no library without curves
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
  BOOST_TEST(escape("µ\n\t\xff\xc3z\xe4\xb8") == "µ\n\t\uFFFD\uFFFDz\uFFFD");
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
  BOOST_TEST(count(html, "<script>") == 3u);
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
  BOOST_TEST(contains(html, "<title>2 records · " + folder.path.string() + "</title>"));
  BOOST_TEST(contains(html, "<code>twice report " + folder.path.string() + "</code>"));
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
  write_report(folder.path);
  const std::string html = read_file(folder.path / "report.html");
  check_page(html);
  BOOST_TEST(contains(html, "cut.json is not valid JSON (cut or corrupt)."));
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
