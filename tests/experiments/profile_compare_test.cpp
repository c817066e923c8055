// Tests the comparison of two reports: ratios, differing settings, and refused files.
#include "experiments/commands/profile/files.h"

#include <boost/test/unit_test.hpp>

#include "experiments/files/atomic_file.h"
#include "tests/experiments/profile_sample.h"
#include "tests/experiments/scratch_folder.h"

namespace twice {
using namespace experiments;
namespace {

Json report(double pace) { return report_json(sample_profile(pace)); }

Json compared(const Json& a, const Json& b) { return compare_reports(a, b, "A", "B"); }

/// A file in the format of google/benchmark, in microseconds.
Json google(std::initializer_list<double> microseconds) {
  Json list = Json::array();
  for (const double time : microseconds)
    list.push_back({{"name", "BM_copy"},
                    {"run_name", "BM_copy"},
                    {"run_type", "iteration"},
                    {"real_time", time},
                    {"cpu_time", time},
                    {"time_unit", "us"}});
  list.push_back({{"name", "BM_copy_mean"},
                  {"run_name", "BM_copy"},
                  {"run_type", "aggregate"},
                  {"aggregate_name", "mean"},
                  {"real_time", 1e9},
                  {"cpu_time", 1e9},
                  {"time_unit", "us"}});
  return {{"context", {{"num_cpus", 2}}}, {"benchmarks", list}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(profile_compare)

BOOST_AUTO_TEST_CASE(a_report_does_not_differ_from_itself) {
  const Json record = compared(report(1), report(1));
  BOOST_TEST(record["rows"].size() == 7);
  BOOST_TEST(record["ops"].size() == sample_profile()["ops"].size());
  for (const char* part : {"rows", "ops"})
    for (const Json& row : record[part]) {
      BOOST_TEST(row["verdict"] == "inconclusive");
      BOOST_TEST(row["ratio"] == 1);
    }
  BOOST_TEST(record["differences"].empty());
}

// Files do not record the machine's speed, so a ratio of 1.5 between two files gives no verdict.
BOOST_AUTO_TEST_CASE(ratios) {
  const Json record = compared(report(1), report(1.5));
  for (std::size_t i = 0; i < 7; ++i) {
    const Json& row = record["rows"][i];
    BOOST_TEST(row["verdict"] == "inconclusive");
    BOOST_TEST(row["ratio"].get<double>() == 1.5, boost::test_tools::tolerance(1e-9));
    BOOST_TEST(row["a"]["samples"] == 11);
    BOOST_TEST(row["b"]["ms"].get<double>() == 1.5 * row["a"]["ms"].get<double>(),
               boost::test_tools::tolerance(1e-12));
  }
}

BOOST_AUTO_TEST_CASE(files_of_google_benchmark) {
  const Json a = google({100, 101, 102, 103, 104, 105}), b = google({50, 51, 52, 53, 54, 55});
  const Json record = compared(a, b);
  BOOST_TEST(record["rows"].size() == 1);
  BOOST_TEST(record["rows"][0]["a"]["ms"].get<double>() == 0.1025,
             boost::test_tools::tolerance(1e-12));
  BOOST_TEST(record["rows"][0]["b"]["ms"].get<double>() == 0.0525,
             boost::test_tools::tolerance(1e-12));
  BOOST_TEST(record["ops"].empty());
}

BOOST_AUTO_TEST_CASE(differences_are_reported) {
  Json a = report(1), b = report(1);
  b["twice"]["machine"]["threads"] = 1;
  b["twice"]["config"]["threads"] = 1;
  b["twice"]["version"] = "0.2.0";
  Json::Array& entries = b["benchmarks"].elements();
  entries.erase(entries.begin(), entries.begin() + 11);  // the entries of the loss
  Json other = b["benchmarks"].back();
  other["run_type"] = "iteration";
  other["run_name"] = "another";
  b["benchmarks"].push_back(other);
  const Json record = compared(a, b);
  std::vector<std::string> what;
  for (const Json& difference : record["differences"]) what.push_back(difference["what"]);
  BOOST_TEST(std::ranges::count(what, "version") == 1);
  BOOST_TEST(std::ranges::count(what, "threads") >= 1);
  BOOST_TEST(record["only_in_a"] == Json::array({"loss"}));
  BOOST_TEST(record["only_in_b"] == Json::array({"another"}));
}

BOOST_AUTO_TEST_CASE(refusals_name_the_file) {
  const auto error = [](const Json& a, const Json& b) { return error_of([&] { compared(a, b); }); };
  Json b = report(1);
  b["twice"]["model"] = "cnn-8";
  BOOST_TEST(error(report(1), b) ==
             "A is of the model mlp-256x2-b64-relu-f32, B of cnn-8; expected two reports of one "
             "model");
  b = report(1);
  b["twice"]["method"] = "f-gr";
  BOOST_TEST(contains(error(report(1), b), "A is of the method exact, B of f-gr"));
  BOOST_TEST(contains(error(Json::array({1}), report(1)), "A has no times"));
  BOOST_TEST(contains(error(google({1, 2}), google({})), "B has no times"));
  Json minutes = google({1, 2});
  minutes["benchmarks"][0]["time_unit"] = "min";
  BOOST_TEST(contains(error(google({1}), minutes), "B: the time_unit is 'min'"));
  Json renamed = google({1, 2});
  for (Json& entry : renamed["benchmarks"]) entry["run_name"] = "BM_move";
  BOOST_TEST(contains(error(google({1}), renamed), "no row in common"));

  const ScratchFolder scratch;
  write_atomically(scratch.path / "cut.json", "{\"benchmarks\": [");
  for (const char* name : {"cut.json", "none.json"}) {
    const std::string message =
        error_of([&] { compare_profiles(scratch.path / name, scratch.path / name, ""); });
    BOOST_TEST(names(message, scratch.path / name), message);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace twice
