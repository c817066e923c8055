// Tests the pages of sweeps and single runs: the aggregated numbers, and the text on failed and
// unfinished runs.
#include <fmt/core.h>

#include <boost/test/unit_test.hpp>
#include <cmath>

#include "experiments/files/atomic_file.h"
#include "experiments/files/words.h"
#include "experiments/report/runs.h"
#include "experiments/report/write_report.h"
#include "tests/experiments/pages.h"
#include "tests/experiments/scratch_folder.h"

namespace twice {
using namespace experiments;
namespace {

namespace fs = std::filesystem;

/// A record in the form of `train`, with this accuracy after `epochs` of 3 epochs.
Json train_record(const std::string& method, double gamma, double epsilon, int seed,
                  double accuracy, int epochs = 3) {
  Json curve = Json::array();
  for (int epoch = 1; epoch <= epochs; ++epoch)
    curve.push_back({{"epoch", epoch},
                     {"train_loss", 1.0 / epoch},
                     {"loss", 1.5 / epoch},
                     {"test_accuracy", accuracy * epoch / 3},
                     {"gradient_norm", 0.1},
                     {"seconds", 0.5}});
  return {{"command", "train"},
          {"version", "0.1.0"},
          {"config",
           {{"method", {method}},
            {"gamma", gamma},
            {"epsilon", epsilon},
            {"seed", seed},
            {"epochs", 3},
            {"data", "digits"}}},
          {"rows",
           {{{"model", "mlp-8x2-b16-relu-f32"},
             {"method", method},
             {"equation", "G = g"},
             {"ms", 2.0},
             {"loss", 0.5},
             {"train_loss", 0.4},
             {"test_accuracy", accuracy},
             {"gradient_norm", 0.1},
             {"curve", curve}}}}};
}

/// A sweep with three seeds of f-gr over gamma and epsilon and of exact over gamma. One run has
/// failed, and one is half done.
Json write_sweep(const fs::path& folder) {
  Json sweep = {{"command", "sweep"},
                {"version", "0.1.0"},
                {"config", {{"epochs", 3}, {"data", "digits"}}},
                {"axes",
                 {{{"option", "method"}, {"values", {"exact", "f-gr"}}},
                  {{"option", "gamma"}, {"values", {0.01, 0.1}}},
                  {{"option", "epsilon"}, {"values", {0.05, 0.5}}},
                  {{"option", "seed"}, {"values", {1, 2, 3}}}}}};
  const auto add = [&](const std::string& method, double gamma, double epsilon) {
    const bool uses_epsilon = method == "f-gr";
    const std::string setting = fmt::format("{}-gamma{}{}", method, gamma,
                                            uses_epsilon ? fmt::format("-epsilon{}", epsilon) : "");
    Json options = {{"gamma", gamma}};
    if (uses_epsilon) options["epsilon"] = epsilon;
    sweep["rows"].push_back({{"setting", setting}, {"method", method}, {"options", options}});
    for (int seed = 1; seed <= 3; ++seed) {
      const std::string name = fmt::format("{}-seed{}", setting, seed);
      const bool failed = gamma == 0.1 && epsilon == 0.5 && seed == 2;
      const bool half = gamma == 0.1 && epsilon == 0.5 && seed == 3;
      const double accuracy = 0.9 + 0.01 * seed + (gamma == 0.1 ? 0.02 : 0);
      Json run = {{"name", name},
                  {"state", failed ? "failed"
                            : half ? "pending"
                                   : "done"},
                  {"epochs", half     ? 1
                             : failed ? 0
                                      : 3},
                  {"seconds", 1.5},
                  {"config",
                   {{"method", {method}}, {"gamma", gamma}, {"epsilon", epsilon}, {"seed", seed}}}};
      if (failed) run["error"] = "twice train: <NaN> & worse";
      if (!failed && !half) run["test_accuracy"] = accuracy, run["loss"] = 0.5;
      sweep["runs"].push_back(run);
      if (failed) continue;
      fs::create_directories(folder / name);
      write_atomically(folder / name / "train.json",
                       train_record(method, gamma, epsilon, seed, accuracy, half ? 1 : 3).dump());
    }
  };
  add("exact", 0.01, 0.05);
  add("exact", 0.1, 0.05);
  for (const double gamma : {0.01, 0.1})
    for (const double epsilon : {0.05, 0.5}) add("f-gr", gamma, epsilon);
  write_atomically(folder / "sweep.json", sweep.dump());
  return sweep;
}

/// The chosen setting of a method. Null if the method has no finished run.
const RunSetting* chosen_of(const std::vector<RunSetting>& settings, const std::string& method) {
  for (const RunSetting* setting : chosen_settings(settings))
    if (setting->method == method) return setting;
  return nullptr;
}

std::string report_of(const fs::path& folder) {
  write_report(folder);
  return read_file(folder / "report.html");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(report)

BOOST_AUTO_TEST_CASE(settings_aggregate_their_seeds) {
  const ScratchFolder folder;
  const RunSet set = sweep_runs(write_sweep(folder.path), {}).at(0);
  BOOST_TEST(set.runs.size() == 18u);
  BOOST_TEST((set.axes == std::vector<std::string>{"gamma", "epsilon"}));
  const std::vector<RunSetting> settings = settings_of(set);
  BOOST_TEST(settings.size() == 6u);
  BOOST_TEST(settings[0].values() == "gamma 0.01");  // exact does not read epsilon
  BOOST_TEST(settings[3].values() == "gamma 0.01, epsilon 0.5");
  const Moments accuracy = settings[0].moments("test_accuracy");
  BOOST_TEST(accuracy.n == 3u);
  BOOST_TEST(std::abs(accuracy.mean - 0.92) < 1e-12);
  BOOST_TEST(std::abs(accuracy.deviation - 0.01) < 1e-12);
  const RunSetting& broken = settings[5];
  BOOST_TEST((broken.done() == 1 && broken.failed == 1 && broken.unfinished == 1));
  BOOST_TEST(broken.moments("test_accuracy").n == 1u);
  BOOST_TEST(std::isnan(broken.moments("test_accuracy").deviation));
  BOOST_TEST(std::isnan(broken.moments("ms").mean));
  BOOST_TEST(chosen_of(settings, "exact") == &settings[1]);
  BOOST_TEST(chosen_of(settings, "sgd") == nullptr);
}

BOOST_AUTO_TEST_CASE(validation_ranks_settings) {
  const ScratchFolder folder;
  Json sweep = write_sweep(folder.path);
  for (Json& run : sweep["runs"])
    if (run["state"] == Json("done"))
      run["metrics"] = {{"validation_accuracy", 1 - number(run, "test_accuracy")}, {"own", 2.5}};
  const RunSet set = sweep_runs(sweep, {}).at(0);
  const std::vector<RunSetting> settings = settings_of(set);
  BOOST_TEST(ranking_result(settings) == "validation_accuracy");
  BOOST_TEST(chosen_of(settings, "exact") == &settings[0]);
  const std::string html = runs_section(set, sweep);
  for (const char* part : {"highest mean validation accuracy", "chosen by the validation examples",
                           "exact: 8.00 % ± 1.00 % on validation, 92.00 % ± 1.00 % on the test set",
                           ">own</button>", "<option>own</option>"})
    BOOST_TEST(contains(html, part), part);
  // Of losses, the lowest is the best.
  for (Json& run : sweep["runs"]) {
    if (run.contains("metrics"))
      run["metrics"] = {{"validation_loss", number(run, "test_accuracy")}};
  }
  const RunSet losses = sweep_runs(sweep, {}).at(0);
  BOOST_TEST(chosen_of(settings_of(losses), "exact")->values() == "gamma 0.01");
}

BOOST_AUTO_TEST_CASE(tables_of_runs) {
  const ScratchFolder folder;
  Json sweep = write_sweep(folder.path / "grid");
  sweep["runs"][0]["name"] = "a, \"b\"";
  sweep["runs"][1]["test_accuracy"] = nullptr;
  write_atomically(folder.path / "grid" / "sweep.json", sweep.dump());
  write_atomically(folder.path / "train.json", train_record("sgd", 0.1, 0.05, 7, 0.5, 2).dump());
  report_of(folder.path);
  const std::string runs = read_file(folder.path / "runs.csv");
  BOOST_TEST(count(runs, "\n") == 1u + 18u + 2u);
  BOOST_TEST(contains(runs, "run,state,method,seed,data,epochs,epsilon,gamma,epochs_done,"));
  BOOST_TEST(contains(
      runs, "\n\"grid/a, \"\"b\"\"\",done,exact,1,digits,3,0.05,0.01,3,,,1.5,0.91,0.5,,\n"));
  BOOST_TEST(contains(runs, ",failed,f-gr,2,"));
  BOOST_TEST(contains(runs, "\ntrain,unfinished,sgd,7,digits,3,0.05,0.1,2,"));
  const std::string curves = read_file(folder.path / "curves.csv");
  BOOST_TEST(contains(
      curves, "run,method,seed,epoch,gradient_norm,seconds,test_accuracy,test_loss,train_loss\n"));
  BOOST_TEST(contains(curves, "\ntrain,sgd,7,2,0.1,0.5,"));
  // 16 records have 3 epochs, including that of the renamed run, which counts as a single run. One
  // has 1 epoch, and the record outside the sweep has 2.
  BOOST_TEST(count(curves, "\n") == 1u + 16u * 3u + 1u + 2u);
}

BOOST_AUTO_TEST_CASE(maps_take_a_cell_from_each_setting) {
  const ScratchFolder folder;
  const RunSet set = sweep_runs(write_sweep(folder.path), {}).at(0);
  const std::string maps = run_maps(set, settings_of(set));
  BOOST_TEST(markup_error(maps) == "");
  for (const char* part :
       {"<option>test accuracy</option>", "<option>test loss</option>",
        "epsilon 0.5, gamma 0.01: 92.00 % ± 1.00 %<",
        "epsilon 0.5, gamma 0.1: 93.00 % (1 of 3 runs done)<", "gamma 0.1: 94.00 % ± 1.00 %<"})
    BOOST_TEST(contains(maps, part), part);
  // A sweep over one axis has no map.
  RunSet line = set;
  line.axes = {"gamma"};
  BOOST_TEST(run_maps(line, settings_of(line)) == "");
}

BOOST_AUTO_TEST_CASE(a_sweep_is_one_section) {
  const ScratchFolder folder;
  write_sweep(folder.path / "grid");
  const std::string html = report_of(folder.path);
  check_page(html);
  BOOST_TEST(count(html, "<h2>") == 1u);
  for (const char* part :
       {"<h2>sweep: ", "18 runs of 6 settings: 16 done, 1 failed, 1 unfinished; 3 seeds.",
        "exact: 94.00 % ± 1.00 % at gamma 0.1 (n = 3)", "18 runs, 1 failed, 1 unfinished",
        "&lt;NaN&gt; &amp; worse", ">failed</td>", ">unfinished</td>", "grid/sweep.json",
        "<option>the best setting of each method</option>", "Time of one step", "<select>",
        "f-gr-gamma0.1-epsilon0.5-seed2"})
    BOOST_TEST(contains(html, part), part);
  // A row for each setting, run, difference and pair of seeds, under headings that sort.
  BOOST_TEST(count(html, "<tr><th scope=\"row\"") == 6u + 18u + 1u + 1u + 3u);
  // A missing value has an empty sort key and sorts last.
  BOOST_TEST(contains(html, "data-order=\"\""));
}

BOOST_AUTO_TEST_CASE(curves_have_a_line_for_each_seed_and_a_mean) {
  const ScratchFolder folder;
  const Json sweep = write_sweep(folder.path);
  std::map<std::string, FoundRecord> trains;
  for (const Json& run : sweep["runs"]) {
    const std::string name = run["name"];
    const fs::path file = folder.path / name / "train.json";
    if (fs::exists(file)) trains[name] = {file.string(), Json::parse(read_file(file))};
  }
  const RunSet set = sweep_runs(sweep, trains).at(0);
  const std::vector<RunSetting> settings = settings_of(set);
  const std::string html = run_curves(settings);
  // Three plots show the best setting of both methods, each with three seeds and a mean. Others
  // show the two settings of exact.
  BOOST_TEST(count_curves(html, "exact, gamma 0.1") == 3u * 4u);
  BOOST_TEST(count_curves(html, "gamma 0.01") == 3u * 4u);
  // The setting with a failed run shows the finished run, the half-done run and the mean.
  BOOST_TEST(count_curves(html, "gamma 0.1, epsilon 0.5") == 3u * 3u);
  BOOST_TEST(run_curves({}) == "");
}

BOOST_AUTO_TEST_CASE(single_runs_are_compared) {
  const ScratchFolder folder;
  int number = 0;
  const auto add = [&](const std::string& method, double gamma, int seed, int epochs) {
    const fs::path run = folder.path / fmt::format("run{}", ++number);
    fs::create_directories(run);
    write_atomically(run / "train.json",
                     train_record(method, gamma, 0.05, seed, 0.9 + 0.01 * seed, epochs).dump());
  };
  add("f-gr", 0.01, 1, 3);
  add("f-gr", 0.01, 2, 3);
  add("f-gr", 0.1, 1, 2);
  std::string html = report_of(folder.path);
  check_page(html);
  BOOST_TEST(count(html, "<h2>") == 4u);  // one for all runs, and one for each
  for (const char* part : {"<h2>train: mlp-8x2-b16-relu-f32 on digits<",
                           "3 runs of 2 settings: 2 done, 0 failed, 1 unfin",
                           ": 91.50 % ± 0.71 % at gamma 0.01 (n = 2)"})
    BOOST_TEST(contains(html, part), part);
  add("exact", 0.1, 1, 3);
  add("exact", 0.1, 2, 3);
  html = report_of(folder.path);
  BOOST_TEST(count(html, "<h2>") == 1u);  // too many runs for a section each
  BOOST_TEST(contains(html, "run5/train.json"));
}

BOOST_AUTO_TEST_CASE(runs_with_equal_seeds_are_one_value) {
  const ScratchFolder folder;
  const auto add = [&](const std::string& run, int seed, double accuracy) {
    fs::create_directories(folder.path / run);
    write_atomically(folder.path / run / "train.json",
                     train_record("sgd", 0.1, 0.05, seed, accuracy).dump());
  };
  add("a", 1, 0.5), add("b", 1, 0.9), add("c", 2, 0.7), add("d", 2, 0.7);  // c and d are equal
  const std::string html = report_of(folder.path);
  for (const char* part : {"sgd: 60.00 % ± 14.14 % (n = 2)", "c/train.json, d/train.json",
                           ">sgd</th><td data-order=\"2\">2</td><td data-order=\"0\">0</td>"})
    BOOST_TEST(contains(html, part), part);
  // Three plots show two seeds and their mean, and those of the single runs a curve each.
  BOOST_TEST(count_curves(html, "sgd") == 3u * 3u + 3u * 3u);
  for (const char* table : {"runs.csv", "curves.csv"}) {
    const std::string rows = read_file(folder.path / table);
    BOOST_TEST(contains(rows, "\nc,"), table);
    BOOST_TEST(!contains(rows, "train.json"), table);
  }
}

BOOST_AUTO_TEST_CASE(a_copy_of_a_sweep_does_not_hide_its_runs) {
  const ScratchFolder folder;
  write_sweep(folder.path / "grid");
  fs::copy(folder.path / "grid/sweep.json", folder.path / "a-copy.json");
  const std::string html = report_of(folder.path);
  BOOST_TEST(count(html, "<h2>") == 1u);
  BOOST_TEST(contains(html, "grid/sweep.json, a-copy.json"));
  BOOST_TEST(contains(read_file(folder.path / "curves.csv"), "\ngrid/exact-gamma0.01-seed1,"));
}

BOOST_AUTO_TEST_CASE(a_problem_gives_its_name) {
  const ScratchFolder folder;
  Json record = train_record("sgd", 0.1, 0.05, 1, 0.9);
  record["config"]["problem"] = "heat";
  write_atomically(folder.path / "train.json", record.dump());
  BOOST_TEST(contains(report_of(folder.path), "<h2>train: heat, mlp-8x2-b16-relu-f32</h2>"));
}

BOOST_AUTO_TEST_CASE(names_with_numbers_are_in_the_order_of_the_numbers) {
  std::vector<std::string> names = {"b10", "b2", "b02", "b", "a9x10", "b1", "a9x9", "b10a", ""};
  constexpr NameOrder comes_before;
  std::ranges::sort(names, comes_before);
  BOOST_CHECK((names == std::vector<std::string>{"", "a9x9", "a9x10", "b", "b1", "b02", "b2", "b10",
                                                 "b10a"}));
  for (const auto& a : names)
    for (const auto& b : names) BOOST_TEST(comes_before(a, b) + comes_before(b, a) == (a != b));
  BOOST_TEST(!comes_before("99999999999999999999999999", "99999999999999999999999998"));

  const ScratchFolder folder;
  int seed = 0;
  for (const char* name : {"b10", "b1", "b2", "b2-more", "b20"}) {
    Json record = train_record("sgd", 0.1, 0.05, ++seed, 0.9);
    record["rows"][0]["metrics"] = {{"top10", 1}, {"top2", 1}};
    fs::create_directories(folder.path / name);
    write_atomically(folder.path / name / "train.json", record.dump());
  }
  const std::string html = report_of(folder.path);
  std::size_t last = 0;
  for (const char* file : {">b1<", ">b2<", ">b2-more<", ">b10<", ">b20<"}) {
    last = html.find(file, last);
    BOOST_TEST((last != std::string::npos), file);
  }
  BOOST_TEST(html.find(">top2<") < html.find(">top10<"));
  BOOST_TEST(contains(read_file(folder.path / "runs.csv"), ",top2,top10"));
}

BOOST_AUTO_TEST_CASE(a_failed_run_says_so) {
  const ScratchFolder folder;
  const auto add = [&](const std::string& name, const Json& record) {
    fs::create_directories(folder.path / name);
    write_atomically(folder.path / name / "train.json", record.dump());
  };
  Json failed = train_record("sgd", 0.1, 0.05, 1, 0.9, 0);
  failed["error"] = "[train] step 3\nproduced <NaN>";
  for (const char* result : {"ms", "loss", "train_loss", "test_accuracy", "gradient_norm"})
    failed["rows"][0].erase(result);
  add("one", failed);
  std::string html = report_of(folder.path);
  check_page(html);
  for (const char* part : {"This run failed: [train] step 3", "&lt;NaN&gt;", "sgd; failed"})
    BOOST_TEST(contains(html, part), part);
  add("two", train_record("sgd", 0.1, 0.05, 2, 0.9));
  html = report_of(folder.path);
  check_page(html);
  for (const char* part : {"1 done, 1 failed", "2 runs, 1 failed", "one: [train] step 3"})
    BOOST_TEST(contains(html, part), part);
  BOOST_TEST(contains(read_file(folder.path / "runs.csv"), "one,failed,sgd,1,"));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace twice
