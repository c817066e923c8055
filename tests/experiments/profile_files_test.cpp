// Tests the files of a profile: each has the format that its target tool expects, and all contain
// the numbers of the record.
#include "experiments/commands/profile/files.h"

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "experiments/commands/profile/page.h"
#include "experiments/files/atomic_file.h"
#include "experiments/report/result.h"
#include "tests/experiments/pages.h"
#include "tests/experiments/profile_sample.h"
#include "tests/experiments/scratch_folder.h"

namespace twice {
using namespace experiments;
namespace {

double total_ms(const Json& record) {
  double sum = 0;
  for (const Json& step : record["steps"]) sum += step["ms"].get<double>();
  return sum;
}

/// The cells of CSV text (RFC 4180), line by line.
std::vector<std::vector<std::string>> csv_cells(const std::string& csv) {
  std::vector<std::vector<std::string>> lines(1, {""});
  bool quoted = false;
  for (std::size_t i = 0; i < csv.size(); ++i) {
    std::string& cell = lines.back().back();
    if (csv[i] == '"' && quoted && i + 1 < csv.size() && csv[i + 1] == '"')
      cell += csv[++i];
    else if (csv[i] == '"')
      quoted = !quoted;
    else if (!quoted && csv[i] == ',')
      lines.back().emplace_back();
    else if (!quoted && csv[i] == '\n')
      lines.push_back({""});
    else
      cell += csv[i];
  }
  lines.pop_back();
  return lines;
}

const auto close = boost::test_tools::tolerance(1e-12);

}  // namespace

BOOST_AUTO_TEST_SUITE(profile_files)

BOOST_AUTO_TEST_CASE(report_is_google_benchmarks_json) {
  const Json record = sample_profile(), report = report_json(record);
  BOOST_TEST(report["twice"] == record);
  BOOST_TEST(report["context"]["json_schema_version"] == 1);
  BOOST_TEST(report["context"]["caches"][0]["size"] == 49152);
  BOOST_TEST(report["context"]["cpu_time"].get<std::string>().starts_with("not measured"));
  std::map<std::string, std::vector<double>> times;
  std::map<std::string, double> aggregates;
  for (const Json& entry : report["benchmarks"]) {
    BOOST_TEST(entry["time_unit"] == "us");
    BOOST_TEST(entry["cpu_time"] == entry["real_time"]);
    BOOST_TEST(entry["repetitions"] == 11);
    const std::string family = entry["run_name"];
    if (entry["run_type"] == "aggregate") {
      BOOST_TEST(entry["name"] == family + "_" + std::string(entry["aggregate_name"]));
      aggregates[entry["name"]] = entry["real_time"];
    } else {
      BOOST_TEST(entry["name"] == family);
      BOOST_TEST(entry["repetition_index"] == times[family].size());
      times[family].push_back(entry["real_time"]);
    }
  }
  BOOST_TEST(times.size() == record["rows"].size());
  BOOST_TEST(aggregates.size() == 4 * record["rows"].size());
  for (const Json& row : record["rows"]) {
    const std::vector<double> samples = row["samples_ms"];
    BOOST_TEST(times[row["name"]].size() == samples.size());
    for (std::size_t i = 0; i < samples.size(); ++i)
      BOOST_TEST(times[row["name"]][i] == 1e3 * samples[i], close);
  }
  // The samples lie 0 to 10 us above 1 ms. In us, mean and median are 1005 and the deviation
  // sqrt(11).
  BOOST_TEST(aggregates["loss_mean"] == 1005, close);
  BOOST_TEST(aggregates["loss_median"] == 1005, close);
  BOOST_TEST(aggregates["loss_stddev"] == std::sqrt(11.), boost::test_tools::tolerance(1e-9));
  BOOST_TEST(aggregates["loss_cv"] == std::sqrt(11.) / 1005, boost::test_tools::tolerance(1e-9));
}

BOOST_AUTO_TEST_CASE(csv_holds_the_ops) {
  const Json record = sample_profile();
  const auto lines = csv_cells(ops_csv(record));
  BOOST_TEST(lines.size() == record["ops"].size() + 1);
  const auto column = [&](const std::string& name) {
    return static_cast<std::size_t>(std::ranges::find(lines[0], name) - lines[0].begin());
  };
  double self = 0, share = 0;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const Json& op = record["ops"][i - 1];
    BOOST_TEST(lines[i].size() == lines[0].size());
    BOOST_TEST(lines[i][column("Name")] == op["name"]);
    BOOST_TEST(std::stod(lines[i][column("Self CPU ms")]) == op["self_ms"].get<double>());
    BOOST_TEST(std::stod(lines[i][column("FLOP")]) == op["flop"].get<double>());
    BOOST_TEST(std::stod(lines[i][column("# of Calls")]) == op["calls"].get<int>());
    self += std::stod(lines[i][column("Self CPU ms")]);
    share += std::stod(lines[i][column("Self CPU %")]);
  }
  BOOST_TEST(self == total_ms(record), close);
  BOOST_TEST(share == 100, close);
}

BOOST_AUTO_TEST_CASE(stacks_sum_to_the_whole_step) {
  const Json record = sample_profile();
  std::istringstream lines(collapsed_stacks(record));
  std::set<std::string> stacks;
  long long sum = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t space = line.rfind(' ');
    BOOST_TEST(count(line, ";") == 3);
    BOOST_TEST(line.find_first_not_of("0123456789", space + 1) == std::string::npos);
    BOOST_TEST(stacks.insert(line.substr(0, space)).second);
    sum += std::stoll(line.substr(space + 1));
  }
  BOOST_TEST(sum == std::llround(total_ms(record) * 1e6));
  BOOST_TEST(stacks.contains("exact;double backward;linear1;matmul"));
  BOOST_TEST(stacks.contains("exact;forward;(loss);a \"b\", <c>, & d"));
}

/// The slices of a lane follow one another, the slice of the whole step spans all others, and
/// counters and arrows agree with the record.
BOOST_AUTO_TEST_CASE(trace_nests_and_its_arrows_match) {
  const Json record = sample_profile(), trace = Json::parse(chrome_trace(record).dump());
  std::map<int, std::string> lanes;
  std::map<int, double> free_from;
  std::map<int, Json> slices_of_steps, begun;
  double whole = 0, slices = 0;
  std::set<std::pair<std::size_t, std::size_t>> arrows;
  std::size_t counters = 0;
  const auto step_at = [&](const Json& end) {
    for (const auto& [index, slice] : slices_of_steps)
      if (slice["tid"] == end["tid"] && slice["ts"] <= end["ts"] &&
          end["ts"].get<double>() <= slice["ts"].get<double>() + slice["dur"].get<double>())
        return static_cast<std::size_t>(index);
    return std::size_t{1000};
  };
  for (const Json& event : trace["traceEvents"]) {
    const std::string kind = event["ph"];
    if (kind == "M" && event["name"] == "thread_name") lanes[event["tid"]] = event["args"]["name"];
    if (kind == "C") {
      const bool last = counters == record["steps"].size();
      BOOST_TEST(event["args"]["arena"] ==
                 (last ? Json(0) : record["steps"][counters]["live_bytes"]));
      ++counters;
    }
    if (kind == "X") {
      const double begin = event["ts"], length = event["dur"];
      double& free = free_from[event["tid"]];
      BOOST_TEST(begin >= free);
      BOOST_TEST(length >= 0);
      free = begin + length;
      if (lanes[event["tid"]] == "step") {
        whole = length;
        continue;
      }
      slices += length;
      const int index = event["args"]["index"];
      BOOST_TEST(lanes[event["tid"]] == record["steps"][static_cast<std::size_t>(index)]["phase"]);
      slices_of_steps[index] = event;
    }
    if (kind == "s") begun[event["id"]] = event;
    if (kind == "f") {
      BOOST_TEST(event["bp"] == "e");
      BOOST_TEST(begun.at(event["id"])["ts"] <= event["ts"]);
      arrows.insert({step_at(begun.at(event["id"])), step_at(event)});
    }
  }
  BOOST_TEST(counters == record["steps"].size() + 1);
  BOOST_TEST(slices_of_steps.size() == record["steps"].size());
  BOOST_TEST(whole == total_ms(record) * 1e3, boost::test_tools::tolerance(1e-5));
  BOOST_TEST(slices == whole, close);
  const std::set<std::pair<std::size_t, std::size_t>> expected = {{2, 4}, {0, 5}, {1, 6}};
  BOOST_TEST((arrows == expected));
}

BOOST_AUTO_TEST_CASE(roofline_stands_alone) {
  const Json record = sample_profile();
  const std::string svg = roofline_file(record);
  BOOST_TEST(markup_error(svg) == "");
  BOOST_TEST(outside_reference(svg) == "");
  BOOST_TEST(count(svg, "<circle") == 6);  // one for each step with FLOPs
  BOOST_TEST(count(svg, "xmlns=") == 1);
  BOOST_TEST(svg.find("prefers-color-scheme: dark") != std::string::npos);
  for (const char* roof : {"product 180 GF/s", "L1 190 GB/s", "L2 95.0 GB/s", "memory 24.0 GB/s"})
    BOOST_TEST(svg.find(roof) != std::string::npos, roof);
  BOOST_TEST(svg.find("nan") == std::string::npos);
  Json empty = record;
  empty["steps"] = Json::array();
  BOOST_TEST(roofline_plot(empty) == "");
  BOOST_TEST(markup_error(roofline_file(empty)) == "");
}

BOOST_AUTO_TEST_CASE(page_answers_first_and_is_whole) {
  const Json record = sample_profile();
  const std::string html = profile_html(record);
  check_page(html);
  for (const char* words :
       {"What a derivative costs, and why", "a gradient over a loss", "Every derivative",
        "nothing but rounding", "the penalty: 8.00 % of G", "Self CPU %", "Roofline",
        "How the cost grows", "6L - 4", "Memory over time", "98.50 %"})
    BOOST_TEST(contains(html, words), "no '" << words << "'");
  BOOST_TEST(html.find("Left out because they would take too long: width 512.") !=
             std::string::npos);
  // "f-gr" contains an invisible character that prevents a line break, so the test looks for "gr".
  BOOST_TEST(contains(html, "gr from width 167 (checked from 64 to 256)"));
  BOOST_TEST(contains(html, "gr at every width from 64 to 128"));
  BOOST_TEST(!contains(without_library(html), "nan"));
}

/// Sums the weights on each level of the flame graph, and checks the bars of the timeline.
BOOST_AUTO_TEST_CASE(flame_graph_and_timeline_hold_every_step) {
  const Json record = sample_profile();
  const std::string html = flame_figure(record);
  std::map<std::string, double> weights;
  for (const char* level : {"layer", "phase", "step"}) {
    const std::regex branch(std::string("class=\"branch\" data-") + level +
                            "=\"[^\"]*\" style=\"flex: ([0-9]+)");
    for (std::sregex_iterator found(html.begin(), html.end(), branch), end; found != end; ++found)
      weights[level] += std::stod((*found)[1]);
  }
  // Weights are millionths of the step, rounded up. Each level must sum to the whole step.
  for (const auto& [level, sum] : weights) BOOST_TEST(std::abs(sum - 1e6) < 30, level);
  BOOST_TEST(weights.size() == 3u);
  const std::regex bar("left: ([0-9.]+)%; width: ([0-9.]+)%");
  double end_of_last = 0;
  std::size_t bars = 0;
  for (std::sregex_iterator found(html.begin(), html.end(), bar), end; found != end;
       ++found, ++bars)
    end_of_last = std::max(end_of_last, std::stod((*found)[1]) + std::stod((*found)[2]));
  BOOST_TEST(bars == record["steps"].size());
  BOOST_TEST(end_of_last == 100, boost::test_tools::tolerance(1e-5));
  BOOST_TEST(flame_figure(Json::object()) == "");
}

BOOST_AUTO_TEST_CASE(laws_that_miss_their_points_are_left_out) {
  Json record = sample_profile();
  Json& law = record["scaling"]["laws"][0];
  law["ms_per_gflop"] = 7.7712;
  law["residual"] = 0.2;
  BOOST_TEST(contains(profile_html(record), ">7.77<"));
  law["residual"] = 0.3;
  BOOST_TEST(!contains(profile_html(record), ">7.77<"));
  law["residual"] = 0.2;
  record["noise"] = {{"same_step_ms", {0.5, 0.6}}};
  BOOST_TEST(contains(profile_html(record), ">7.77<"));
  record["noise"] = {{"same_step_ms", {0.5, 0.7}}};
  BOOST_TEST(!contains(profile_html(record), ">7.77<"));
}

/// The page of an incomplete record leaves out the missing parts and stays well-formed.
BOOST_AUTO_TEST_CASE(page_of_less) {
  for (const char* part : {"rows", "peak", "peaks", "steps", "ops", "phases", "layers", "origins",
                           "memory", "attribution", "how", "scaling", "machine", "config"}) {
    Json record = sample_profile();
    record.erase(part);
    const std::string html = profile_html(record);
    check_page(html);
    BOOST_TEST(!contains(without_library(html), "nan"), part);
    BOOST_TEST(markup_error(roofline_file(record)) == "");
    chrome_trace(record);
    report_json(record);
  }
}

BOOST_AUTO_TEST_CASE(all_files_or_none) {
  const ScratchFolder scratch;
  const Json record = sample_profile();
  Report{.files = experiments::profile_files(record)}.write(scratch.path);
  std::vector<std::string> names = scratch.entries();
  std::ranges::sort(names);
  const std::vector<std::string> expected = {"ops.csv",      "report.html", "report.json",
                                             "roofline.svg", "stacks.txt",  "trace.json"};
  BOOST_TEST(names == expected);
  BOOST_TEST(Json::parse(read_file(scratch.path / "report.json"))["twice"] == record);

  const std::string before = read_file(scratch.path / "ops.csv");
  std::filesystem::remove(scratch.path / "trace.json");
  std::filesystem::create_directory(scratch.path / "trace.json");
  const std::string error = error_of(
      [&] { Report{.files = experiments::profile_files(sample_profile(2))}.write(scratch.path); });
  BOOST_TEST(error.find("trace.json: it is a folder") != std::string::npos);
  BOOST_TEST(read_file(scratch.path / "ops.csv") == before);
  BOOST_TEST(scratch.entries().size() == 6);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace twice
