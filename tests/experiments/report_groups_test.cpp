// Tests the groups of a report: only runs of one task are compared, one setting of each method is
// chosen, and methods are compared over seeds. Also tests pages of unfinished runs and hostile
// folders.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "experiments/files/atomic_file.h"
#include "experiments/report/runs.h"
#include "experiments/report/write_report.h"
#include "tests/experiments/pages.h"
#include "tests/experiments/scratch_folder.h"

namespace twice {
using namespace experiments;
namespace {

namespace fs = std::filesystem;

/// A record of `train` with all fields that decide which runs it may be compared with.
Json run_record(const std::string& method, int seed, double accuracy) {
  const Json epoch = {
      {"epoch", 1}, {"train_loss", 1.0}, {"loss", 0.5}, {"test_accuracy", accuracy}};
  return {{"command", "train"},
          {"version", "0.1.0"},
          {"machine", {{"cpu", "one"}}},
          {"data",
           {{"name", "a.csv"},
            {"files", {{{"name", "a.csv"}, {"bytes", 7}, {"checksum", "00ff"}}}},
            {"train", 100},
            {"validation", 10},
            {"test", 20},
            {"mean", {0.1}},
            {"split_seed", seed}}},
          {"config",
           {{"method", {method}},
            {"gamma", 0.1},
            {"epsilon", 0.05},
            {"seed", seed},
            {"epochs", 1},
            {"data", "a.csv"},
            {"model", "mlp"},
            {"width", 8},
            {"dtype", "f32"},
            {"batch", 16},
            {"loss", "mse"},
            {"lr", 0.1},
            {"threads", 1},
            {"optimizer", "sgd"},
            {"activation", "relu"}}},
          {"rows",
           {{{"model", "mlp-8x2-b16-relu-f32"},
             {"method", method},
             {"threads", 1},
             {"ms", 2.0},
             {"loss", 0.5},
             {"test_accuracy", accuracy},
             {"curve", Json::array({epoch})}}}}};
}

std::vector<RunSet> groups_with(const Json& changed) {
  static std::vector<FoundRecord> records;  // the groups point into them
  records = {{"a/train.json", run_record("sgd", 1, 0.5)}, {"b/train.json", changed}};
  return train_runs(records);
}

Json& slot(Json& record, const std::vector<const char*>& path) {
  Json* place = &record;
  for (const char* name : path) place = &(*place)[std::string(name)];
  return *place;
}

/// A sweep of these methods over seeds. On the test set, the accuracy is 0.1 higher with gamma 0.1
/// than with 0.01. With `validated`, the accuracy on the validation examples is lower with 0.1.
Json sweep_of(const std::vector<std::string>& methods, int seeds, bool validated) {
  Json sweep = {{"command", "sweep"},
                {"version", "0.1.0"},
                {"config", {{"epochs", 1}, {"data", "a.csv"}, {"model", "mlp"}}},
                {"axes",
                 {{{"option", "method"}, {"values", methods}},
                  {{"option", "gamma"}, {"values", {0.01, 0.1}}},
                  {{"option", "seed"}, {"values", {1}}}}}};
  for (std::size_t m = 0; m < methods.size(); ++m)
    for (const double gamma : {0.01, 0.1}) {
      const std::string setting = fmt::format("{}-gamma{}", methods[m], gamma);
      sweep["rows"].push_back(
          {{"setting", setting}, {"method", methods[m]}, {"options", {{"gamma", gamma}}}});
      for (int seed = 1; seed <= seeds; ++seed) {
        const double accuracy =
            0.5 + 0.01 * seed * seed + 0.02 * static_cast<double>(m) + (gamma == 0.1 ? 0.1 : 0);
        Json run = {{"name", fmt::format("{}-seed{}", setting, seed)},
                    {"setting", setting},
                    {"state", "done"},
                    {"epochs", 1},
                    {"config", {{"method", {methods[m]}}, {"gamma", gamma}, {"seed", seed}}},
                    {"test_accuracy", accuracy + (m == 1 && seed == 1 ? 0.003 : 0)},
                    {"loss", 1 - accuracy}};
        if (validated)
          run["metrics"] = {{"validation_accuracy", 1 - accuracy}},
          run["selected_test_accuracy"] = accuracy + 0.001;
        sweep["runs"].push_back(run);
      }
    }
  return sweep;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(report)

BOOST_AUTO_TEST_CASE(single_runs_of_different_tasks_are_apart) {
  using Path = std::vector<const char*>;
  const std::pair<Path, Json> apart[] = {
      {{"config", "data"}, "b.csv"},
      {{"config", "model"}, "cnn"},
      {{"config", "width"}, 16},
      {{"config", "depth"}, 3},
      {{"config", "activation"}, "tanh"},
      {{"config", "dtype"}, "f64"},
      {{"config", "batch"}, 32},
      {{"config", "epochs"}, 2},
      {{"config", "loss"}, "huber"},
      {{"config", "lr"}, 0.2},
      {{"config", "optimizer"}, "adam"},
      {{"config", "validation-share"}, 0.5},
      {{"config", "target"}, "y"},
      {{"data", "train"}, 50},
      {{"data", "test"}, 10},
      {{"data", "validation"}, 0},
      {{"data", "limit"}, 5},
      {{"data", "provenance"}, "a copy"},
      {{"data", "files"}, Json::array({Json({{"name", "a.csv"}, {"checksum", "ff00"}})})},
      {{"data", "init"}, Json({{"name", "w"}, {"checksum", "12"}})}};
  for (const auto& [path, value] : apart) {
    Json changed = run_record("sgd", 2, 0.6);
    slot(changed, path) = value;
    const std::vector<RunSet> groups = groups_with(changed);
    BOOST_TEST_CONTEXT((path.end()[-1])) {
      BOOST_TEST(groups.size() == 2u);
      BOOST_TEST(!groups[0].title.empty());
      BOOST_TEST(groups[0].title != groups[1].title);
    }
  }
  Json other_model = run_record("sgd", 2, 0.6);
  other_model["rows"][0]["model"] = "own-b16";
  BOOST_TEST(groups_with(other_model).size() == 2u);
  const std::pair<Path, Json> together[] = {{{"config", "method"}, Json::array({"exact"})},
                                            {{"config", "gamma"}, 1},
                                            {{"config", "rho"}, 0.1},
                                            {{"config", "seed"}, 3},
                                            {{"config", "init-seed"}, 3},
                                            {{"config", "threads"}, 2},
                                            {{"data", "split_seed"}, 9},
                                            {{"data", "mean"}, Json::array({0.2})}};
  for (const auto& [path, value] : together) {
    Json changed = run_record("exact", 2, 0.6);
    slot(changed, path) = value;
    const std::vector<RunSet> groups = groups_with(changed);
    BOOST_TEST_CONTEXT((path.end()[-1])) {
      BOOST_TEST(groups.size() == 1u);
      BOOST_TEST(groups[0].title == "");
    }
  }
}

BOOST_AUTO_TEST_CASE(groups_have_sections_of_their_own) {
  const ScratchFolder folder;
  const auto add = [&](const std::string& name, const Json& record) {
    fs::create_directories(folder.path / name);
    write_atomically(folder.path / name / "train.json", record.dump());
  };
  for (int seed = 1; seed <= 3; ++seed) {
    add(fmt::format("narrow{}", seed), run_record("sgd", seed, 0.5));
    Json wide = run_record("sgd", seed, 0.9);
    wide["config"]["width"] = 16;
    add(fmt::format("wide{}", seed), wide);
  }
  write_report(folder.path);
  const std::string html = read_file(folder.path / "report.html");
  check_page(html);
  BOOST_TEST(count(html, "<h2>") == 2u);
  for (const char* part :
       {"on a.csv: width 8</h2>", "on a.csv: width 16</h2>", "sgd: 50.00 % ± 0 % (n = 3)",
        "sgd: 90.00 % ± 0 % (n = 3)", "train examples 100", "nothing was chosen"})
    BOOST_TEST(contains(html, part), part);
}

BOOST_AUTO_TEST_CASE(sweeps_over_tasks_are_grouped_and_over_settings_are_not) {
  Json sweep = sweep_of({"sgd"}, 1, false);
  Json& runs = sweep["runs"];
  const auto groups_over = [&](const std::string& option, const Json& a, const Json& b) {
    runs[std::size_t{0}]["config"][option] = a, runs[std::size_t{1}]["config"][option] = b;
    sweep["axes"][std::size_t{1}]["option"] = option;
    sweep["rows"] = Json();
    std::vector<RunSet> sets = sweep_runs(sweep, {});
    runs[std::size_t{0}]["config"].erase(option), runs[std::size_t{1}]["config"].erase(option);
    return sets;
  };
  BOOST_TEST(groups_over("lr", 0.1, 0.2).size() == 1u);
  BOOST_TEST((groups_over("lr", 0.1, 0.2)[0].axes == std::vector<std::string>{"lr"}));
  BOOST_TEST(groups_over("optimizer", "sgd", "adam").size() == 1u);
  for (const char* option : {"data", "model", "width", "epochs", "batch", "dtype", "loss"})
    BOOST_TEST(groups_over(option, "1", "2").size() == 2u, option);
  BOOST_TEST(groups_over("width", 8, 16)[1].title == "width 16");
  // Another seed of the weights is a repetition, not another setting.
  const std::vector<RunSet> seeds = groups_over("init-seed", 1, 2);
  BOOST_TEST((seeds.size() == 1u && seeds[0].axes.empty()));
  // The data changed during the sweep.
  sweep["data"] = {{{"name", "a.csv"}, {"train", 9}}, {{"name", "a.csv"}, {"train", 8}}};
  for (std::size_t i : {0u, 1u}) runs[i]["data"] = i;
  BOOST_TEST(groups_over("lr", 0.1, 0.1).size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_number_of_the_task_has_a_plot_of_its_own) {
  for (const bool same_data : {true, false}) {
    const ScratchFolder folder;
    Json sweep = sweep_of({"sgd"}, 2, false);
    sweep["rows"] = Json();
    sweep["axes"][std::size_t{1}]["option"] = "width";
    sweep["data"] = {{{"train", 9}}, {{"train", 8}}};
    for (std::size_t i = 0; i < 4; ++i) {
      Json& run = sweep["runs"][i];
      run["config"]["width"] = std::min<std::size_t>(i, 2) * 8 + 8;
      run["data"] = i == 3 && !same_data ? 1 : 0;
    }
    write_atomically(folder.path / "sweep.json", sweep.dump());
    write_report(folder.path);
    const std::string html = read_file(folder.path / "report.html");
    BOOST_TEST(count(html, "<h2>sweep: mlp") == (same_data ? 3u : 4u));
    BOOST_TEST(contains(html, "<h2>sweep: over width</h2>") == same_data);
  }
}

BOOST_AUTO_TEST_CASE(differences_are_paired_by_seed) {
  Json sweep = sweep_of({"exact", "sgd"}, 4, false);
  add_comparisons(sweep);
  BOOST_TEST(text(sweep["comparisons"][std::size_t{0}], "baseline") == "sgd");
  sweep = sweep_of({"f-gr", "exact"}, 4, false);
  add_comparisons(sweep);
  const std::vector<Json> rows = objects(sweep["comparisons"]);
  BOOST_TEST_REQUIRE(rows.size() == 1u);
  const Json& row = rows[0];
  BOOST_TEST((text(row, "method") == "exact" && text(row, "baseline") == "f-gr"));
  BOOST_TEST(row["n"] == 4);
  BOOST_TEST((row["seeds"] == Json::array({"1", "2", "3", "4"})));
  // The differences are 0.023 once and 0.02 three times. With 3 degrees of freedom, t is 3.18245.
  BOOST_TEST(std::abs(number(row, "mean") - 0.02075) < 1e-12);
  const double half = 3.182446305284263 * 0.0015 / 2;
  BOOST_TEST(std::abs(row["interval"][std::size_t{0}].get<double>() - 0.02075 + half) < 1e-9);
  BOOST_TEST(std::abs(row["interval"][std::size_t{1}].get<double>() - 0.02075 - half) < 1e-9);
  BOOST_TEST(text(row, "verdict") == "better");
  BOOST_TEST(
      comparison_text(row) ==
      "exact (gamma 0.1) against f-gr (gamma 0.1): test accuracy +2.08 (+1.84 to +2.31 points, "
      "4 seeds): better");
  // Widely scattered differences are inconclusive, two seeds are too few, and a repeated seed
  // counts once.
  for (Json& run : sweep["runs"])
    if (const double seed = number(run["config"], "seed"); run["setting"] == Json("exact-gamma0.1"))
      run["test_accuracy"] = 0.6 + (seed > 2 ? 0.5 : 0);
  add_comparisons(sweep);
  BOOST_TEST(text(sweep["comparisons"][std::size_t{0}], "verdict") == "inconclusive");
  sweep = sweep_of({"f-gr", "exact"}, 2, false);
  for (std::size_t i = 0; i < 8; ++i) sweep["runs"].push_back(sweep["runs"][i]);
  add_comparisons(sweep);
  BOOST_TEST(sweep["comparisons"].empty());
  const RunSet set = sweep_runs(sweep, {}).at(0);  // the settings point into it
  const std::vector<RunSetting> settings = settings_of(set);
  BOOST_TEST(settings[0].runs.size() == 4u);
  BOOST_TEST(settings[0].moments("loss").n == 2u);
}

BOOST_AUTO_TEST_CASE(settings_are_chosen_on_validation_and_the_page_says_so) {
  for (const bool validated : {false, true}) {
    Json sweep = sweep_of({"f-gr", "exact"}, 3, validated);
    add_comparisons(sweep);
    const RunSet set = sweep_runs(sweep, {}).at(0);
    const std::string html = runs_section(set, sweep), chosen = validated ? "0.01" : "0.1";
    BOOST_TEST(chosen_settings(settings_of(set))[0]->values() == "gamma " + chosen);
    BOOST_TEST(contains(html, "chosen on the test data, which is optimistic") == !validated);
    BOOST_TEST(contains(html, "chosen by the validation examples") == validated);
    BOOST_TEST(
        contains(html,
                 ">test accuracy at the best epoch</td><td data-order=\"0.02\">+2.00 points<") ==
        validated);
    BOOST_TEST(
        contains(html, "</i>exact (gamma " + chosen + ")</th><td>f-gr (gamma " + chosen +
                           ")</td><td>test accuracy</td><td data-order=\"0.021\">+2.10 points<"));
    BOOST_TEST(markup_error(html) == "");
    for (const Json& row : objects(sweep["rows"]))
      BOOST_TEST((row["chosen"] == true) == (text(member(row, "options"), "gamma") == chosen));
    BOOST_TEST(text(sweep, "ranked_by") == (validated ? "validation_accuracy" : "test_accuracy"));
    BOOST_TEST(sweep["comparisons"].size() == (validated ? 2u : 1u));
  }
  // Settings with fewer finished runs are not chosen.
  Json sweep = sweep_of({"exact"}, 3, false);
  sweep["runs"][std::size_t{5}]["state"] = "failed";
  BOOST_TEST(chosen_settings(settings_of(sweep_runs(sweep, {}).at(0)))[0]->values() ==
             "gamma 0.01");
}

BOOST_AUTO_TEST_CASE(times_of_different_machines_are_left_out) {
  Json other = run_record("sgd", 2, 0.5);
  BOOST_TEST(groups_with(other)[0].timed);
  BOOST_TEST(groups_with(other)[0].runs[0].results.contains("ms"));
  other["rows"][std::size_t{0}]["threads"] = 2;
  const RunSet set = groups_with(other).at(0);
  BOOST_TEST(!set.timed);
  BOOST_TEST(!set.runs[0].results.contains("ms"));
  BOOST_TEST(contains(runs_section(set, {}), "Times are left out"));
}

BOOST_AUTO_TEST_CASE(pages_of_runs_under_way) {
  const ScratchFolder folder;
  const fs::path page = folder.path / "report.html";
  { LivePage(folder.path).update(); }
  BOOST_TEST(!fs::exists(page));  // a short run gets no page before its end
  write_atomically(folder.path / "train.json", run_record("sgd", 1, 0.5).dump());
  write_report(folder.path, PageState::under_way);
  std::string html = read_file(page);
  check_page(html);
  BOOST_TEST(contains(html, "data-reload=\"3\">Under way: last written 2"));
  BOOST_TEST(!fs::exists(folder.path / "curves.csv"));
  { const LivePage unused(folder.path); }
  BOOST_TEST(contains(read_file(page), "Under way"));
  { LivePage(folder.path).update(); }
  html = read_file(page);
  BOOST_TEST(contains(html, "Stopped before its end: last written 2"));
  BOOST_TEST(!contains(html, "data-reload="));
  {
    LivePage live(folder.path);
    live.finish();
  }
  html = read_file(page);
  BOOST_TEST(!contains(html, "last written"));
  BOOST_TEST(fs::exists(folder.path / "curves.csv"));
  // An error in the page is no error of the run.
  fs::remove(folder.path / "train.json");
  BOOST_CHECK_NO_THROW(LivePage(folder.path).update());
}

BOOST_AUTO_TEST_CASE(hostile_folders) {
  const ScratchFolder folder;
  const auto name = [&](const std::string& file) { return (folder.path / file).string(); };
  write_atomically(name("a.json"), run_record("sgd", 1, 0.5).dump());
  BOOST_TEST_REQUIRE(::mkfifo(name("pipe.json").c_str(), 0600) == 0);
  fs::create_directory_symlink(folder.path, folder.path / "loop");
  fs::create_symlink("self.json", folder.path / "self.json");
  fs::create_symlink("/dev/zero", folder.path / "zero.json");
  write_atomically(name("deep.json"), std::string(100000, '['));
  write_atomically(name("0\xff.json"), "{");
  Json wordy = run_record(std::string(100000, 'x'), 1, 0.5);
  write_atomically(name("wordy.json"), wordy.dump());
  write_atomically(name("large.json"), "{}");
  BOOST_TEST_REQUIRE(::truncate(name("large.json").c_str(), 600 << 20) == 0);
  fs::create_directory(folder.path / "locked");
  fs::permissions(folder.path / "locked", fs::perms::none);
  for (int i = 0; i < 30; ++i) write_atomically(name(fmt::format("z{}.json", i)), "{");
  write_report(folder.path);
  fs::permissions(folder.path / "locked", fs::perms::owner_all);
  const std::string html = read_file(folder.path / "report.html");
  check_page(html);
  BOOST_TEST(html.size() < 200000u);
  for (const char* part :
       {"1 record of", "deep.json is not valid JSON", "0\\xff.json is not valid JSON",
        "wordy.json has more than 65536 bytes in a text", "large.json", "Left out: and "})
    BOOST_TEST(contains(html, part), part);
  if (::geteuid() != 0) BOOST_TEST(contains(html, "locked cannot be listed: Permission denied"));
}

BOOST_AUTO_TEST_CASE(long_curves_are_thinned) {
  const ScratchFolder folder;
  Json record = run_record("sgd", 1, 0.5);
  Json& curve = record["rows"][std::size_t{0}]["curve"];
  const Json epoch = curve[std::size_t{0}];
  for (int i = 2; i <= 20000; ++i) {
    curve.push_back(epoch);
    curve.back()["epoch"] = i;
    curve.back()["train_loss"] = i == 20000 ? 7.25 : 1.0 + i % 3;
  }
  write_atomically(folder.path / "train.json", record.dump());
  write_report(folder.path);
  const std::string html = read_file(folder.path / "report.html");
  check_page(html);
  BOOST_TEST(without_library(html).size() < 60000u);
  BOOST_TEST(contains(html, "Training loss (477 of 20000 epochs)"));
  // curves.csv keeps 10,000 evenly chosen epochs and the last one.
  const std::string curves = read_file(folder.path / "curves.csv");
  BOOST_TEST(count(curves, "\n") == 1u + 10000u + 1u);
  BOOST_TEST(contains(curves, ",20000,"));
  BOOST_TEST(contains(read_file(folder.path / "runs.csv"), ",8,20000,"));  // width, epochs_done
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace twice
