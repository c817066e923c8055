// Tests the pages of studies and of `bench`, and the pages of incomplete and repeated records.
#include <boost/test/unit_test.hpp>

#include "experiments/files/atomic_file.h"
#include "experiments/report/write_report.h"
#include "tests/experiments/pages.h"
#include "tests/experiments/scratch_folder.h"

namespace twice {
using namespace experiments;
namespace {

std::string page_of(const std::filesystem::path& folder) {
  write_report(folder);
  return read_file(folder / "report.html");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(report)

BOOST_AUTO_TEST_CASE(studies_show_verdict_and_claims) {
  const ScratchFolder folder;
  const Json study = {
      {"command", "study"},
      {"version", "0.1.0"},
      {"study", "sam"},
      {"form", "quick"},
      {"verdict", "reproduced within limits"},
      {"claimed", "This is <SAM>"},
      {"by", "somebody"},
      {"seconds", 3},
      {"claims",
       {{{"claim", "they are equal"},
         {"value", 1e-12},
         {"interval", {1e-13, 1e-11}},
         {"expected", {nullptr, 1e-10}},
         {"weight", "core"},
         {"holds", true}},
        {{"claim", "they stay equal"},
         {"value", nullptr},
         {"interval", 3},
         {"expected", {0.5, nullptr}},
         {"weight", "limit"},
         {"holds", false}}}},
      {"plots",
       {{{"name", "a"},
         {"title", "Distance"},
         {"y_title", "|a - b|"},
         {"x_title", "step"},
         {"curves", {{{"name", "f-gr"}, {"ink", "f-gr"}, {"x", {1, 2}}, {"y", {1, 2}}}}}},
        {{"name", "b"},
         {"title", "Map"},
         {"value_title", "accuracy"},
         {"x_title", "epsilon"},
         {"y_title", "gamma"},
         {"x", {"1"}},
         {"y", {"2"}},
         {"cells", {0.5}}}}},
      {"tables", {{{"title", "Numbers"}, {"headings", {"a"}}, {"rows", {{"7"}}}}}},
      {"remarks", {"a remark"}},
      {"setup", {"a setting"}}};
  write_atomically(folder.path / "sam.json", study.dump());
  const std::string html = page_of(folder.path);
  check_page(html);
  for (const char* part :
       {"study: sam", "reproduced within limits", "1 of 2", "This is &lt;SAM&gt;", "they are equal",
        "1.00e-13 to 1.00e-11", "at most 1.00e-10", "at least 0.5", "<td class=\"bad\">no</td>",
        "Distance: |a - b|", "&quot;name&quot;:&quot;f-gr&quot;", "epsilon 1, gamma 2: 0.500",
        "a remark", "a setting", "Numbers"})
    BOOST_TEST(contains(html, part), part);
}

BOOST_AUTO_TEST_CASE(a_study_s_columns_of_numbers_sort_as_numbers) {
  const ScratchFolder folder;
  const Json rows = {{"mlp 2", "10", "9 (3)", "never", "-"}, {"cnn", "-2.5", "", "1e-3", "-"}};
  const Json study = {
      {"command", "study"},
      {"study", "sam"},
      {"tables", {{{"title", "t"}, {"headings", {"model", "a", "b", "c", "d"}}, {"rows", rows}}}}};
  write_atomically(folder.path / "sam.json", study.dump());
  const std::string html = page_of(folder.path);
  for (const char* part : {">mlp 2</th>", "data-order=\"10\">10<", "data-order=\"-2.5\">-2.5<",
                           "data-order=\"9\">9 (3)<", "data-order=\"\"><", "data-order=\"\">never<",
                           "data-order=\"0.001\">1e-3<", "<td>-</td>"})
    BOOST_TEST(contains(html, part), part);
}

BOOST_AUTO_TEST_CASE(races_show_the_peer) {
  const ScratchFolder folder;
  const auto row = [](const char* method, double ms, double peer) {
    return Json{{"model", "mlp-8x2"},
                {"method", method},
                {"ms", ms},
                {"peer_ms", peer},
                {"ratio", peer / ms}};
  };
  const Json bench = {{"command", "bench"},
                      {"version", "0.1.0"},
                      {"peer", {{"name", "pytorch 1.13"}, {"threads", 2}}},
                      {"means", {{{"method", "sgd"}, {"ratio", 1.5}}}},
                      {"rows", {row("sgd", 1, 1.5), row("exact", 4, 10)}}};
  write_atomically(folder.path / "bench.json", bench.dump());
  std::string html = page_of(folder.path);
  check_page(html);
  for (const char* part : {"bench: mlp-8x2", "1.50×", "sgd: time of pytorch 1.13 over ours",
                           "10.0 ms · 2.50×", "peer / ours", "<h3>Peer</h3>"})
    BOOST_TEST(contains(html, part), part);
  // A record without a peer.
  Json alone = bench;
  alone.erase("peer"), alone.erase("means");
  for (Json& entry : alone["rows"]) entry.erase("peer_ms"), entry.erase("ratio");
  write_atomically(folder.path / "bench.json", alone.dump());
  html = page_of(folder.path);
  check_page(html);
  BOOST_TEST((!contains(html, "peer") && contains(html, "4.00 ms")));
}

BOOST_AUTO_TEST_CASE(evaluations_have_a_section_and_the_index_the_best_result) {
  const ScratchFolder folder;
  const Json evaluation = {{"command", "evaluate"},
                           {"version", "0.1.0"},
                           {"checkpoint", "run/best.safetensors"},
                           {"epochs", 7},
                           {"config", {{"model", "mlp"}, {"data", "birds"}}},
                           {"data", {{"name", "birds"}, {"class_names", {"owl", "jay"}}}},
                           {"examples_of", "new.csv"},
                           {"examples", 40},
                           {"metrics", {{"loss", 0.25}, {"accuracy", 0.9}}},
                           {"confusion", {{17, 3}, {1, 19}}}};
  write_atomically(folder.path / "evaluate.json", evaluation.dump());
  const Json numbers = {{"command", "train"},
                        {"version", "0.1.0"},
                        {"rows", {{{"model", "mlp"}, {"method", "exact"}, {"loss", 0.5}}}}};
  write_atomically(folder.path / "train.json", numbers.dump());
  const Json bench = {{"command", "bench"},
                      {"version", "0.1.0"},
                      {"means", {{{"method", "exact"}, {"ratio_to_f_gr", 0.9}}}},
                      {"rows", {{{"model", "cnn"}, {"method", "exact"}, {"ms", 2}}}}};
  write_atomically(folder.path / "bench.json", bench.dump());
  const Json profile = {
      {"context", {{"caches", Json::array()}}},
      {"twice",
       {{"command", "profile"},
        {"version", "0.1.0"},
        {"model", "mlp-16x2"},
        {"method", "exact"},
        {"rows",
         {{{"name", "H v, forward over reverse"}, {"ms", 3.25}, {"ratio_to_loss", 5.5}}}}}}};
  write_atomically(folder.path / "report.json", profile.dump());
  const std::string html = page_of(folder.path);
  check_page(html);
  for (const char* part :
       {"profile: mlp-16x2", "H v, forward over reverse", "5.50×", "evaluate: mlp on birds",
        "run/best.safetensors, after 7 epochs", "40 of new.csv", ">owl<", ">jay<",
        "data-order=\"17\">17<", ">accuracy 90.00 %<", ">test loss 0.5<", ">exact / f-gr 0.90×<"})
    BOOST_TEST(contains(html, part), part);
}

BOOST_AUTO_TEST_CASE(incomplete_records_do_not_crash_the_report) {
  for (
      const char* record :
      {R"({"command": "sweep"})", R"({"command": "study"})", R"({"command": "bench"})",
       R"({"command": "sweep", "runs": [{}], "axes": [{}], "rows": [{}]})",
       R"({"command": "sweep", "runs": [{"name": 3, "config": 3, "state": []}], "axes": 3})",
       R"({"command": "study", "claims": [{}, 3], "plots": [{}, {"cells": [1]}, {"curves": [{}]}]})",
       R"({"command": "study", "tables": [{"headings": 3, "rows": [[1, 2], 3]}], "remarks": {}})",
       R"({"command": "bench", "rows": [{}], "means": [{}], "peer": 3})",
       R"({"command": "evaluate", "confusion": [1, [2]], "metrics": 3})",
       R"({"command": "evaluate", "confusion": {}, "metrics": {"loss": "x"}, "data": {"class_names": 1}})"}) {
    const ScratchFolder folder;
    write_atomically(folder.path / "record.json", record);
    write_atomically(folder.path / "compare.json", sample_record().dump());
    check_page(page_of(folder.path));
  }
}

BOOST_AUTO_TEST_CASE(names_that_are_not_utf8_are_escaped) {
  const ScratchFolder folder;
  const std::filesystem::path odd = folder.path / "r\xff";
  std::filesystem::create_directories(odd / "x\xfe");
  write_atomically(odd / "x\xfe" / "compare.json", sample_record().dump());
  write_atomically(odd / "cut\xfd.json", "{");
  const std::string html = page_of(odd);
  check_page(html);
  BOOST_TEST(contains(html, "x\\xfe/compare.json"));
  BOOST_TEST(contains(html, "cut\\xfd.json is no valid JSON"));
  for (const char byte : {'\xfd', '\xfe', '\xff'}) BOOST_TEST(html.find(byte) == std::string::npos);
}

BOOST_AUTO_TEST_CASE(deep_and_odd_records_are_left_out) {
  const ScratchFolder folder;
  write_atomically(folder.path / "compare.json", sample_record().dump());
  write_atomically(folder.path / "deep.json", R"({"command": "compare", "rows": )" +
                                                  std::string(20000, '[') +
                                                  std::string(20000, ']') + "}");
  write_atomically(folder.path / "study.json",
                   R"({"command": "study", "plots": [{"log_x": true, "log_y": true, "curves": [
                       {"name": "c", "x": [1e-320, 1], "y": [1e-320, 1]}, {"x": {}, "y": 3}]}]})");
  const std::string html = page_of(folder.path);
  check_page(html);
  BOOST_TEST(contains(html, "deep.json is no valid JSON"));
}

BOOST_AUTO_TEST_CASE(the_same_record_twice_is_one) {
  const ScratchFolder folder;
  for (const char* name : {"compare.json", "copy.json"})
    write_atomically(folder.path / name, sample_record().dump());
  write_atomically(folder.path / "check.json", R"({"command": "check", "version": "0.1.0"})");
  const std::string html = page_of(folder.path);
  BOOST_TEST(contains(html, "1 record of twice"));
  BOOST_TEST(contains(html, "compare.json, copy.json"));
  BOOST_TEST(contains(html, "Not shown: 1 record of twice check."));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace twice
