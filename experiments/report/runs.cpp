// Reads runs and settings from records.
#include "experiments/report/runs.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <set>

#include "experiments/files/words.h"
#include "experiments/measure/statistics.h"
#include "experiments/report/sections.h"
#include "experiments/run/registry.h"
#include "optim/gradient_regularization.h"

namespace twice::experiments {
namespace {

namespace fs = std::filesystem;

/// The number of complete epochs.
double epochs_of(const Run& run) {
  const Json& curve = run.curve();
  if (!curve.is_array() || curve.empty()) return 0;
  const double last = number(curve.back(), "epoch");
  return std::isfinite(last) ? last : static_cast<double>(curve.size());
}

/// Adds the results of a run that is done.
void add_results(Run& run, const Json& entry) {
  if (run.state != "done") return;
  static const Json none;
  const Json &row = run.row ? *run.row : none, &curve = run.curve();
  Json of_curve;
  std::set<std::string> keys = {"test_accuracy",
                                "loss",
                                "train_loss",
                                "gradient_norm",
                                "ms",
                                "seconds",
                                "selected_loss",
                                "selected_test_accuracy"};
  for (const Json* source : {&row, &entry})
    if (const Json& metrics = member(*source, "metrics"); metrics.is_object())
      for (const auto& [name, value] : metrics.members()) keys.insert(name);
  if (curve.is_array()) {
    double seconds = 0;
    // A curve that was read in part gives no sum.
    const bool whole = epochs_of(run) == static_cast<double>(curve.size());
    for (const Json& epoch : curve) {
      if (const double own = number(epoch, "seconds"); std::isfinite(own)) seconds += own;
      if (number(epoch, "epoch") != number(row, "best_epoch")) continue;
      for (const char* key : {"test_accuracy", "loss"})
        of_curve[std::string("selected_") + key] = member(epoch, key);
    }
    if (seconds > 0 && whole) of_curve["seconds"] = seconds;
  }
  for (const Json* source : std::initializer_list<const Json*>{&of_curve, &row, &entry})
    for (const std::string& key : keys)
      if (const double value = number(*source, key); std::isfinite(value)) run.results[key] = value;
}

/// The row of a record with one run; null if the record has none or several.
const Json* only_row(const Json& record) {
  const Json& rows = member(record, "rows");
  return rows.is_array() && rows.size() == 1 && rows[0].is_object() ? &rows[0] : nullptr;
}

/// Adds the fields of the run's own record.
void add_record(Run& run, const FoundRecord& train) {
  run.data = member(train.content, "data");
  run.row = only_row(train.content);
  if (!run.row) return;
  run.file = train.file;
  run.model = text(*run.row, "model");
  run.machine = fmt::format("{}, threads {}", text(member(train.content, "machine"), "cpu"),
                            text(*run.row, "threads"));
}

/// All options of a run that a sweep's record lists.
Json config_of(const Json& sweep, const Json& entry) {
  Json config = member(sweep, "config");
  if (!config.is_object()) config = Json::object();
  if (const Json& own = member(entry, "config"); own.is_object()) config.update(own);
  return config;
}

/// The seeds of a run, such as "3", or "3, init-seed 5" for a run with another seed.
std::string seeds_of(const Json& config) {
  std::string seeds = text(config, "seed");
  for (const char* option : {"init-seed", "data-seed", "split-seed"})
    if (const std::string seed = text(config, option); seed != "-")
      seeds += fmt::format(", {} {}", option, seed);
  return seeds;
}

/// Whether runs that differ in the option may still be repetitions of one setting of a method.
bool is_free(const std::string& option) {
  return option == "method" || option == "threads" || option == "checkpoint-every" ||
         is_seed(option);
}

/// Whether the run uses the option. False if only other methods read it.
bool is_used(const std::string& method_name, const std::string& option) {
  const auto reads = [&](const Method& method) { return listed(method.options, option); };
  const auto own = std::ranges::find(methods(), method_name, &Method::name);
  return own == methods().end() || reads(*own) || std::ranges::none_of(methods(), reads);
}

/// A set of the runs. Its axes are those of `axes` in which two runs that use them differ. Method,
/// seeds, and options on which no result depends are never axes.
RunSet set_of(std::vector<Run> runs, const std::vector<std::string>& axes) {
  RunSet set{{}, std::move(runs)};
  std::set<std::string> machines;
  for (Run& run : set.runs) {
    run.options = Json::object();
    if (!run.machine.empty()) machines.insert(run.machine);
  }
  set.timed = machines.size() < 2;
  for (Run& run : set.runs)
    if (!set.timed) run.results.erase("ms"), run.results.erase("seconds");
  for (const std::string& axis : axes) {
    const auto value_of = [&](const Run& run) -> const Json& {
      static const Json none;
      return is_used(run.method, axis) ? member(run.config, axis) : none;
    };
    std::set<std::string> values;
    for (const Run& run : set.runs)
      if (const Json& value = value_of(run); !value.is_null()) values.insert(value.dump());
    if (is_free(axis) || values.size() < 2) continue;
    set.axes.push_back(axis);
    for (Run& run : set.runs)
      if (const Json& value = value_of(run); !value.is_null()) run.options[axis] = value;
  }
  return set;
}

/// Whether single runs may differ in the option and still be compared. A folder does not say which
/// options were varied.
bool is_of_method(const std::string& option) {
  return is_free(option) ||
         std::ranges::any_of(methods(),
                             [&](const Method& m) { return listed(m.options, option); }) ||
         holds(methods(), registry().owner_of(option), &Method::name);
}

/// The facts about the data of a run, each as one value, so that differences can be named. Facts
/// that follow from the seed are left out.
Json facts_of(const Run& run) {
  Json facts = run.data.is_object() ? run.data : Json();
  for (const char* of_split : {"mean", "stddev", "target_mean", "target_stddev", "split_seed"})
    if (facts.contains(of_split)) facts.erase(of_split);
  constexpr std::size_t enough = 12;
  for (const auto& [name, checksum] : checksums_of(facts))
    facts["checksum of " + name] = checksum.substr(0, enough);
  for (const char* files : {"files", "init"})
    if (facts.contains(files)) facts.erase(files);
  // The runs of a sweep need no label, because their options describe the model.
  if (run.record && !run.model.empty()) facts["label"] = run.model;
  return facts;
}

/// The runs in groups. The runs of a group agree in their data, in the model, and in the options
/// for which `decides` is true. A run without a record is in the first group that agrees with it.
std::vector<RunSet> comparable(std::vector<Run> runs, std::vector<std::string> axes,
                               const std::function<bool(const std::string&)>& decides) {
  struct Group {
    Json options, facts;
    std::vector<Run> runs = {};
  };
  constexpr std::size_t most_options = 10000;  // that are looked up
  std::vector<Group> groups;
  std::map<std::string, std::vector<std::size_t>> by_options;
  std::map<std::string, bool> decided;
  std::map<std::string, std::size_t> by_all;
  for (Run& run : runs) {
    Json options = Json::object(), facts = facts_of(run);
    if (run.config.is_object())
      for (const auto& [option, value] : run.config.members()) {
        const auto [known, is_new] = decided.emplace(option, false);
        if (is_new) known->second = decided.size() > most_options || decides(option);
        if (known->second) options[option] = value;
      }
    const std::string key = options.dump(), whole = key + facts.dump();
    std::vector<std::size_t>& alike = by_options[key];
    auto place = by_all.find(whole);
    if (place == by_all.end() && !alike.empty() &&
        (facts.is_null() || groups[alike[0]].facts.is_null())) {
      if (groups[alike[0]].facts.is_null()) groups[alike[0]].facts = facts;
      place = by_all.emplace(whole, alike[0]).first;
    }
    if (place == by_all.end()) {
      place = by_all.emplace(whole, groups.size()).first;
      alike.push_back(groups.size());
      groups.push_back({std::move(options), std::move(facts)});
    }
    groups[place->second].runs.push_back(std::move(run));
  }
  // The number of groups that have an option or a fact with a value.
  std::map<std::pair<std::string, std::string>, std::size_t> having;
  for (Group& group : groups) {
    // If all groups differ in their options, the facts about their data add nothing.
    if (group.facts.is_object() && by_options.size() < groups.size())
      group.options.update(group.facts);
    for (const auto& [name, value] : group.options.members()) ++having[{name, value.dump()}];
  }
  std::erase_if(axes, [&](const std::string& axis) { return decided[axis]; });
  std::vector<RunSet> sets;
  constexpr std::size_t widest = 60, most_parts = 6;
  for (Group& group : groups) {
    RunSet set = set_of(std::move(group.runs), axes);
    std::size_t parts = 0;
    for (const auto& [name, value] : group.options.members())
      // The label repeats the model's options.
      if (name != "label" && having[{name, value.dump()}] < groups.size())
        if (++parts <= most_parts)
          set.title += fmt::format("{}{} {}", set.title.empty() ? "" : ", ",
                                   shortened(name, widest), shortened(show(value), widest));
    if (parts > most_parts) set.title += fmt::format(", and {} more", parts - most_parts);
    if (set.title.empty() && groups.size() > 1) set.title = text(group.options, "label");
    sets.push_back(std::move(set));
  }
  return sets;
}

/// The axes of a sweep's record, and its runs.
std::pair<std::vector<std::string>, std::vector<Run>> listed_runs(
    const Json& sweep, const std::map<std::string, FoundRecord>& trains) {
  std::vector<std::string> axes;
  constexpr std::size_t most_axes = 64;
  for (const Json& axis : objects(sweep, "axes"))
    if (axes.size() < most_axes) axes.push_back(text(axis, "option"));
  // The options of a row are those that its method and its model use. A row is found by the name of
  // its setting.
  std::map<std::string, Json> used;
  for (const Json& row : objects(sweep, "rows"))
    used[text(row, "setting")] = member(row, "options");
  const Json& data = member(sweep, "data");
  std::vector<Run> runs;
  for (const Json& entry : objects(sweep, "runs")) {
    Run run{.name = text(entry, "name"), .config = config_of(sweep, entry)};
    run.method = text(run.config, "method");
    run.seed = text(run.config, "seed");
    run.seeds = seeds_of(run.config);
    run.setting = entry.contains("setting") ? text(entry, "setting")
                                            : run.name.substr(0, run.name.rfind("-seed"));
    if (const Json& own = used[run.setting]; own.is_object())
      for (const std::string& axis : axes)
        if (!own.contains(axis) && axis != "method" && !is_seed(axis)) run.config.erase(axis);
    const std::string state = text(entry, "state");
    run.state = state == "done" || state == "failed" ? state : "unfinished";
    if (state == "failed") run.error = text(entry, "error");
    run.epochs = number(entry, "epochs");
    if (const double place = number(entry, "data");
        data.is_array() && place >= 0 && place < static_cast<double>(data.size()))
      run.data = data[static_cast<std::size_t>(place)];
    if (const auto train = trains.find(run.name); train != trains.end())
      add_record(run, train->second);
    add_results(run, entry);
    runs.push_back(std::move(run));
  }
  return {std::move(axes), std::move(runs)};
}

}  // namespace

const Json& Run::curve() const {
  static const Json none;
  return row ? member(*row, "curve") : none;
}

double Run::result(const std::string& field) const {
  const auto found = results.find(field);
  return found == results.end() ? std::nan("") : found->second;
}

std::vector<Column> result_columns(const RunSet& set) {
  std::vector<Json> rows;
  for (const Run& run : set.runs) rows.push_back({{"metrics", run.results}});
  std::vector<Column> columns = run_columns(rows);
  std::erase_if(columns, [&](const Column& column) { return !is_used(column, rows); });
  for (Column& column : columns) {
    if (column.key == "seconds") column.meaning = "Training time of a run, without evaluation.";
    if (column.key.starts_with("selected_")) {
      column.heading = column.key == "selected_loss" ? "test loss" : "test accuracy";
      column.heading += " at the best epoch";
      column.meaning =
          "Result on the test set after the epoch that is the best on the validation examples.";
    }
  }
  std::ranges::stable_sort(columns, {}, [](const Column& column) {
    return is_cost(column) ? 2 : column.key == "test_accuracy" ? 0 : 1;
  });
  return columns;
}

bool is_cost(const Column& result) { return result.key == "ms" || result.key == "seconds"; }

bool is_seed(const std::string& option) { return option == "seed" || option.ends_with("-seed"); }

bool is_task(const std::string& option) {
  static const std::set<std::string> tasks = {
      "problem",    "data",   "input",      "classes",
      "target",     "loss",   "test-share", "validation-share",
      "model",      "width",  "depth",      "channels",
      "activation", "dtype",  "batch",      "init",
      "epochs",     "augment"};
  if (tasks.contains(option)) return true;
  const std::string owner = registry().owner_of(option);
  return holds(registry().models(), owner, &ModelEntry::name) ||
         holds(registry().data(), owner, &DataEntry::name) ||
         holds(registry().problems(), owner, &ProblemEntry::name);
}

Checksums checksums_of(const Json& data) {
  Checksums checksums;
  std::vector<Json> files = objects(data, "files");
  files.push_back(member(data, "init"));
  for (const Json& file : files)
    if (file.is_object()) checksums.emplace(text(file, "name"), text(file, "checksum"));
  return checksums;
}

std::vector<RunSet> sweep_runs(const Json& sweep,
                               const std::map<std::string, FoundRecord>& trains) {
  auto [axes, runs] = listed_runs(sweep, trains);
  return comparable(std::move(runs), axes, is_task);
}

Json join_sweeps(const std::vector<Json>& parts) {
  Json whole = parts.front();
  if (parts.size() == 1) return whole;
  // The options that all runs share differ between records, so each run has all of its options.
  whole["config"] = Json::object();
  for (const char* list : {"data", "runs", "rows"}) whole[list] = Json::array();
  std::map<std::string, std::size_t> places;
  for (const Json& part : parts) {
    const auto data_of_part = static_cast<double>(whole["data"].size());
    if (const Json& data = member(part, "data"); data.is_array())
      for (const Json& entry : data) whole["data"].push_back(entry);
    for (const Json& row : objects(part, "rows")) whole["rows"].push_back(row);
    for (Json run : objects(part, "runs")) {
      run["config"] = config_of(part, run);
      if (const double place = number(run, "data"); place >= 0) run["data"] = data_of_part + place;
      const auto [known, is_new] = places.emplace(text(run, "name"), places.size());
      if (is_new)
        whole["runs"].push_back(run);
      else if (Json& other = whole["runs"][known->second];
               number(other, "epochs") <= number(run, "epochs"))
        other = run;
    }
  }
  return whole;
}

RunSet all_sweep_runs(const Json& sweep, const std::map<std::string, FoundRecord>& trains) {
  auto [axes, runs] = listed_runs(sweep, trains);
  return set_of(std::move(runs), axes);
}

std::vector<RunSet> train_runs(const std::vector<FoundRecord>& trains) {
  std::vector<Run> runs;
  std::set<std::string> options;
  for (const FoundRecord& train : trains) {
    Run run{.name = train.file, .config = member(train.content, "config")};
    run.name.resize(std::min({run.name.size(), run.name.rfind('/'), run.name.rfind(".json")}));
    if (run.config.is_object())
      for (const auto& [option, value] : run.config.members()) options.insert(option);
    add_record(run, train);
    run.file = train.file;
    run.method = run.row ? text(*run.row, "method") : "-";
    run.seed = text(run.config, "seed");
    run.seeds = seeds_of(run.config);
    run.record = &train.content;
    run.epochs = epochs_of(run);
    run.state = run.epochs >= number(run.config, "epochs") ? "done" : "unfinished";
    if (const Json& error = member(train.content, "error"); error.is_string()) {
      run.state = "failed";
      run.error = error.string();
    }
    add_results(run, {});
    runs.push_back(std::move(run));
  }
  std::ranges::stable_sort(runs, {}, [](const Run& run) {
    return std::ranges::find(methods(), run.method, &Method::name) - methods().begin();
  });
  std::vector<std::string> axes(options.begin(), options.end());
  // Gamma before epsilon, as in every table.
  const auto gamma = std::ranges::find(axes, "gamma"), epsilon = std::ranges::find(axes, "epsilon");
  if (gamma != axes.end() && epsilon != axes.end()) std::iter_swap(gamma, epsilon);
  return comparable(std::move(runs), axes,
                    [](const std::string& option) { return !is_of_method(option); });
}

RunSet compare_runs(const FoundRecord& compare) {
  const Json& rows = member(compare.content, "rows");
  const fs::path folder = fs::path(compare.file).parent_path();
  RunSet set;
  if (!rows.is_array()) return set;
  for (const Json& row : rows) {
    if (!row.is_object()) continue;
    Run run{.name = (folder / text(row, "method")).string(),
            .config = member(compare.content, "config"),
            .state = "done",
            .method = text(row, "method"),
            .row = &row};
    if (row.contains("error")) run.state = "failed", run.error = text(row, "error");
    run.config["method"] = run.method;
    run.seed = text(run.config, "seed");
    run.epochs = epochs_of(run);
    add_results(run, {});
    set.runs.push_back(std::move(run));
  }
  return set;
}

std::vector<const Run*> RunSetting::finished() const {
  std::vector<const Run*> finished;
  std::set<std::string> seen;
  for (const Run* run : runs)
    if (run->state == "done" && (seen.insert(run->seeds).second || run->seed == "-"))
      finished.push_back(run);
  return finished;
}

std::vector<std::pair<std::string, double>> RunSetting::values_of(const std::string& field) const {
  std::vector<std::pair<std::string, double>> values;
  for (const Run* run : finished())
    if (const double value = run->result(field); std::isfinite(value))
      values.emplace_back(run->seeds, value);
  return values;
}

Moments RunSetting::moments(const std::string& field) const {
  std::vector<double> values;
  for (const auto& [seeds, value] : values_of(field)) values.push_back(value);
  return {mean(values), standard_deviation(values), values.size()};
}

std::string RunSetting::values() const {
  std::string line;
  for (const std::string& axis : axes)
    if (options.contains(axis))
      line += fmt::format("{}{} {}", line.empty() ? "" : ", ", axis, text(options, axis));
  return line;
}

std::vector<RunSetting> settings_of(const RunSet& set) {
  std::vector<RunSetting> settings;
  const auto key_of = [](const Run& run) { return run.method + run.options.dump(); };
  for (const auto& [key, runs] : grouped(set.runs, key_of)) {
    settings.push_back({runs[0]->method, runs[0]->options, set.axes, runs});
    for (const Run* run : runs) {
      settings.back().failed += run->state == "failed";
      settings.back().unfinished += run->state == "unfinished";
    }
  }
  return settings;
}

std::string ranking_result(const std::vector<RunSetting>& settings) {
  std::map<std::string, double> known;
  for (const RunSetting& setting : settings)
    for (const Run* run : setting.runs) known.insert(run->results.begin(), run->results.end());
  return ranking_result(std::vector<Json>{known});
}

std::vector<const RunSetting*> chosen_settings(const std::vector<RunSetting>& settings) {
  const std::string result = ranking_result(settings);
  const auto is_finished = [&](const RunSetting& setting) {
    return std::isfinite(setting.moments(result).mean);
  };
  // A setting with fewer seeds may have a good mean only because of the missing seeds.
  const auto rank = [&](const RunSetting* setting) {
    const Moments moments = setting->moments(result);
    return std::pair(moments.n, -rank_of(result, moments.mean));
  };
  std::vector<const RunSetting*> chosen;
  for (const auto& [method, own] : grouped(settings, &RunSetting::method, is_finished))
    chosen.push_back(*std::ranges::max_element(own, {}, rank));
  return chosen;
}

bool has_choice(const std::vector<RunSetting>& settings) {
  return grouped(settings, &RunSetting::method).size() < settings.size();
}

}  // namespace twice::experiments
