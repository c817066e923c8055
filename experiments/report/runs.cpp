// From records to runs and settings.
#include "experiments/report/runs.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "experiments/files/words.h"
#include "experiments/measure/statistics.h"
#include "experiments/report/sections.h"

namespace twice::experiments {
namespace {

namespace fs = std::filesystem;

/// The results of a run that is done.
void add_results(Run& run, const Json& entry) {
  if (run.state != "done") return;
  double seconds = 0;
  for (const Json& epoch : objects(member(run.row, "curve"))) seconds += number(epoch, "seconds");
  if (seconds > 0) run.results["seconds"] = seconds;
  std::vector<std::string> keys = metric_names({run.row, entry});
  keys.insert(keys.end(),
              {"test_accuracy", "loss", "train_loss", "gradient_norm", "ms", "seconds"});
  for (const Json* source : std::initializer_list<const Json*>{&run.row, &entry})
    for (const std::string& key : keys)
      if (const double value = number(*source, key); std::isfinite(value)) run.results[key] = value;
}

/// Adds what the run's own record has, if there is one, and its results, if it is done.
void add_record(Run& run, const FoundRecord* train, const Json& entry) {
  if (const std::vector<Json> rows =
          train ? objects(member(train->content, "rows")) : std::vector<Json>();
      rows.size() == 1) {
    run.file = train->file;
    run.row = rows[0];
    run.model = text(run.row, "model");
  }
  add_results(run, entry);
}

/// False for an option of other methods only: a value that the run has but does not use.
bool is_used(const std::string& method_name, const std::string& option) {
  const auto reads = [&](const Method& method) { return method_reads(method, option); };
  const auto own = std::ranges::find(methods(), method_name, &Method::name);
  return own == methods().end() || reads(*own) || std::ranges::none_of(methods(), reads);
}

/// The runs with those of the axes along which a run differs from another one that uses them.
/// Method, seed, and options on which no result depends are none.
RunSet set_of(std::vector<Run> runs, const std::vector<std::string>& axes) {
  static const std::set<std::string> others = {"method", "seed", "threads", "checkpoint-every"};
  RunSet set{{}, std::move(runs)};
  for (const std::string& axis : axes) {
    const auto value_of = [&](const Run& run) -> const Json& {
      static const Json none;
      return is_used(run.method, axis) ? member(run.config, axis) : none;
    };
    std::set<std::string> values;
    for (const Run& run : set.runs)
      if (const Json& value = value_of(run); !value.is_null()) values.insert(value.dump());
    if (others.contains(axis) || values.size() < 2) continue;
    set.axes.push_back(axis);
    for (Run& run : set.runs)
      if (const Json& value = value_of(run); !value.is_null()) run.options[axis] = value;
  }
  return set;
}

}  // namespace

std::vector<Column> result_columns(const RunSet& set) {
  std::vector<Json> rows;
  for (const Run& run : set.runs) rows.push_back({{"metrics", run.results}});
  std::vector<Column> columns = run_columns(rows);
  std::erase_if(columns, [&](const Column& column) { return !is_used(column, rows); });
  for (Column& column : columns)
    if (column.key == "seconds") column.meaning = "Training time of a run, without evaluation.";
  std::ranges::stable_sort(columns, {}, [](const Column& column) {
    return is_cost(column) ? 2 : column.key == "test_accuracy" ? 0 : 1;
  });
  return columns;
}

bool is_cost(const Column& result) { return result.key == "ms" || result.key == "seconds"; }

bool method_reads(const Method& method, std::string option) {
  return listed(method.options, std::move(option));
}

RunSet sweep_runs(const Json& sweep, const std::map<std::string, FoundRecord>& trains) {
  std::vector<std::string> axes;
  for (const Json& axis : objects(member(sweep, "axes"))) axes.push_back(text(axis, "option"));
  // A row's options are those that its method and its model use; it is found by the runs' names.
  std::map<std::string, Json> used;
  for (const Json& row : objects(member(sweep, "rows")))
    used[text(row, "setting")] = member(row, "options");
  std::vector<Run> runs;
  for (const Json& entry : objects(member(sweep, "runs"))) {
    Run run{.name = text(entry, "name"), .config = member(sweep, "config")};
    if (!run.config.is_object()) run.config = Json::object();
    if (const Json& own = member(entry, "config"); own.is_object()) run.config.update(own);
    run.method = text(run.config, "method");
    run.seed = text(run.config, "seed");
    if (const Json& own = used[run.name.substr(0, run.name.rfind("-seed"))]; own.is_object())
      for (const std::string& axis : axes)
        if (!own.contains(axis)) run.config.erase(axis);
    const std::string state = text(entry, "state");
    run.state = state == "done" || state == "failed" ? state : "unfinished";
    if (state == "failed") run.error = text(entry, "error");
    run.epochs = number(entry, "epochs");
    const auto train = trains.find(run.name);
    add_record(run, train == trains.end() ? nullptr : &train->second, entry);
    runs.push_back(std::move(run));
  }
  return set_of(std::move(runs), axes);
}

RunSet train_runs(const std::vector<FoundRecord>& trains) {
  std::vector<Run> runs;
  std::set<std::string> options;
  for (const FoundRecord& train : trains) {
    Run run{.name = train.file, .config = member(train.content, "config")};
    run.name.resize(std::min({run.name.size(), run.name.rfind('/'), run.name.rfind(".json")}));
    if (run.config.is_object())
      for (const auto& [option, value] : run.config.members()) options.insert(option);
    const std::vector<Json> rows = objects(member(train.content, "rows"));
    const Json row = rows.size() == 1 ? rows[0] : Json();
    run.method = text(row, "method");
    run.seed = text(run.config, "seed");
    run.epochs = static_cast<double>(objects(member(row, "curve")).size());
    run.state = run.epochs >= number(run.config, "epochs") ? "done" : "unfinished";
    add_record(run, &train, {});
    run.file = train.file;
    runs.push_back(std::move(run));
  }
  std::ranges::stable_sort(runs, {}, [](const Run& run) {
    return std::ranges::find(methods(), run.method, &Method::name) - methods().begin();
  });
  std::vector<std::string> axes(options.begin(), options.end());
  // Gamma before epsilon, as in every table.
  const auto gamma = std::ranges::find(axes, "gamma"), epsilon = std::ranges::find(axes, "epsilon");
  if (gamma != axes.end() && epsilon != axes.end()) std::iter_swap(gamma, epsilon);
  return set_of(std::move(runs), axes);
}

RunSet compare_runs(const FoundRecord& compare) {
  const std::vector<Json> rows = objects(member(compare.content, "rows"));
  const fs::path folder = fs::path(compare.file).parent_path();
  RunSet set;
  for (const Json& row : rows) {
    Run run{.name = (folder / row_label(row, rows)).string(),
            .config = member(compare.content, "config"),
            .state = "done",
            .method = text(row, "method"),
            .row = row};
    run.config["method"] = run.method;
    run.seed = text(run.config, "seed");
    run.epochs = static_cast<double>(objects(member(row, "curve")).size());
    add_results(run, {});
    set.runs.push_back(std::move(run));
  }
  return set;
}

Moments RunSetting::moments(const std::string& field) const {
  std::vector<double> values;
  for (const Run* run : runs)
    if (const auto value = run->results.find(field); value != run->results.end())
      values.push_back(value->second);
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
  std::map<std::string, std::size_t> index;
  for (const Run& run : set.runs) {
    const auto [place, is_new] = index.emplace(run.method + run.options.dump(), settings.size());
    if (is_new) settings.push_back({run.method, run.model, run.options, set.axes});
    RunSetting& setting = settings[place->second];
    if (setting.model.empty()) setting.model = run.model;
    setting.runs.push_back(&run);
    setting.failed += run.state == "failed";
    setting.unfinished += run.state == "unfinished";
  }
  return settings;
}

std::string ranking_result(const std::vector<RunSetting>& settings) {
  std::vector<Json> rows;
  for (const RunSetting& setting : settings)
    for (const Run* run : setting.runs) rows.push_back(run->results);
  return ranking_result(rows);
}

const RunSetting* best_setting(const std::vector<RunSetting>& settings, const std::string& method) {
  const std::string result = ranking_result(settings);
  const double sign = lower_is_better(result) ? -1 : 1;
  const RunSetting* best = nullptr;
  for (const RunSetting& setting : settings)
    if (const double value = sign * setting.moments(result).mean;
        setting.method == method && std::isfinite(value) &&
        (!best || value > sign * best->moments(result).mean))
      best = &setting;
  return best;
}

}  // namespace twice::experiments
