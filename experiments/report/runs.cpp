// From records to runs and settings.
#include "experiments/report/runs.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "experiments/measure/statistics.h"
#include "experiments/report/table.h"

namespace twice::experiments {
namespace {

std::string method_of(const Json& config) {
  const Json& method = member(config, "method");
  return method.is_array() && method.size() == 1 ? show(method[0]) : show(method);
}

/// What a train record adds to a run.
void add_record(Run& run, const FoundRecord& train) {
  const std::vector<Json> rows = objects(member(train.content, "rows"));
  if (rows.size() != 1) return;
  run.file = train.file;
  run.row = rows[0];
  run.model = text(run.row, "model");
}

void add_results(Run& run, const Json& fields) {
  for (const RunField& field : run_fields())
    if (const double value = number(fields, field.key); std::isfinite(value))
      run.results[field.key] = value;
}

/// False for an option of other methods only: a value that the run has but does not use.
bool is_used(const std::string& method_name, const std::string& option) {
  const auto reads = [&](const Method& method) { return method_reads(method, option); };
  const auto own = std::ranges::find(methods(), method_name, &Method::name);
  return own == methods().end() || reads(*own) || std::ranges::none_of(methods(), reads);
}

/// An axis along which no run differs from another one that uses it is none.
void drop_constant_axes(RunSet& set) {
  std::erase_if(set.axes, [&](const std::string& axis) {
    std::set<std::string> values;
    for (const Run& run : set.runs)
      if (run.options.contains(axis)) values.insert(run.options.at(axis).dump());
    return values.size() < 2;
  });
}

double training_seconds(const Json& row) {
  double sum = 0;
  for (const Json& epoch : objects(member(row, "curve"))) sum += number(epoch, "seconds");
  return sum;
}

/// Options on which no result depends, or that every run has of its own.
bool is_axis(const std::string& option) {
  static const std::set<std::string> others = {"method", "seed", "threads", "checkpoint-every"};
  return !others.contains(option);
}

}  // namespace

const std::vector<RunField>& run_fields() {
  static const std::vector<RunField> fields = {
      {"test_accuracy", "test accuracy", "Share of the test set that is classified correctly.",
       format_percent, false, false},
      {"loss", "test loss", "Mean loss over the test set at the end, without the penalty.",
       format_number},
      {"train_loss", "train loss",
       "Mean loss over the steps of the last epoch, without the penalty.", format_number},
      {"gradient_norm", "|grad|",
       "Norm of the loss's gradient over many training images at the end.", format_number},
      {"ms", "ms/step", "Time of one training step in milliseconds, in the mean of the last epoch.",
       format_number, true},
      {"seconds", "seconds", "Training time of a run, without evaluation.", format_number, true}};
  return fields;
}

RunSet sweep_runs(const Json& sweep, const std::map<std::string, FoundRecord>& trains) {
  RunSet set;
  std::set<std::string> varying;
  for (const Json& axis : objects(member(sweep, "axes")))
    if (const std::string option = text(axis, "option"); is_axis(option))
      set.axes.push_back(option), varying.insert(option);
  // A row's options are those that its method uses; it is found by the runs' names.
  std::map<std::string, Json> options;
  for (const Json& row : objects(member(sweep, "rows")))
    options[text(row, "setting")] = member(row, "options");
  for (const Json& entry : objects(member(sweep, "runs"))) {
    Json config = member(sweep, "config");
    if (!config.is_object()) config = Json::object();
    if (const Json& own = member(entry, "config"); own.is_object()) config.update(own);
    Run run;
    run.name = text(entry, "name");
    run.method = method_of(config);
    run.seed = text(config, "seed");
    const std::string state = text(entry, "state");
    run.state = state == "done" || state == "failed" ? state : "unfinished";
    if (state == "failed") run.error = text(entry, "error");
    run.epochs = number(entry, "epochs");
    const std::string setting = run.name.substr(0, run.name.rfind("-seed"));
    if (const auto known = options.find(setting);
        known != options.end() && known->second.is_object())
      run.options = known->second;
    else
      for (const std::string& axis : set.axes)
        if (config.contains(axis)) run.options[axis] = config.at(axis);
    if (const auto train = trains.find(run.name); train != trains.end())
      add_record(run, train->second);
    if (run.state == "done") {
      add_results(run, run.row);
      add_results(run, entry);
    }
    set.runs.push_back(std::move(run));
  }
  drop_constant_axes(set);
  return set;
}

bool method_reads(const Method& method, std::string option) {
  std::ranges::replace(option, '-', '_');
  const std::string list = fmt::format(", {},", method.options);
  return list.find(fmt::format(", {},", option)) != std::string::npos;
}

RunSet train_runs(const std::vector<FoundRecord>& trains) {
  RunSet set;
  std::set<std::string> options;
  for (const FoundRecord& train : trains)
    if (const Json& config = member(train.content, "config"); config.is_object())
      for (const auto& [option, value] : config.members())
        if (is_axis(option)) options.insert(option);
  for (const std::string& option : options) {
    std::set<std::string> values;
    for (const FoundRecord& train : trains)
      values.insert(member(member(train.content, "config"), option).dump());
    if (values.size() > 1) set.axes.push_back(option);
  }
  // Gamma before epsilon, as in every table.
  const auto gamma = std::ranges::find(set.axes, "gamma"),
             epsilon = std::ranges::find(set.axes, "epsilon");
  if (gamma != set.axes.end() && epsilon != set.axes.end()) std::iter_swap(gamma, epsilon);
  for (const FoundRecord& train : trains) {
    const Json& config = member(train.content, "config");
    Run run;
    add_record(run, train);
    run.name = run.file = train.file;
    if (const std::size_t end = run.name.rfind('/'); end != std::string::npos) run.name.resize(end);
    run.method = text(run.row, "method");
    run.seed = text(config, "seed");
    run.epochs = static_cast<double>(objects(member(run.row, "curve")).size());
    run.state = run.epochs >= number(config, "epochs") ? "done" : "unfinished";
    for (const std::string& axis : set.axes)
      if (!member(config, axis).is_null() && is_used(run.method, axis))
        run.options[axis] = config.at(axis);
    if (run.state == "done") {
      add_results(run, run.row);
      run.results["seconds"] = training_seconds(run.row);
    }
    set.runs.push_back(std::move(run));
  }
  drop_constant_axes(set);
  std::ranges::stable_sort(set.runs, {}, [](const Run& run) {
    return std::ranges::find(methods(), run.method, &Method::name) - methods().begin();
  });
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
    // Axes in which nothing varies are no part of a setting's values.
    Json options = Json::object();
    for (const std::string& axis : set.axes)
      if (run.options.contains(axis)) options[axis] = run.options.at(axis);
    const auto [place, is_new] = index.emplace(run.method + options.dump(), settings.size());
    if (is_new) settings.push_back({run.method, run.model, options, set.axes});
    RunSetting& setting = settings[place->second];
    if (setting.model.empty()) setting.model = run.model;
    setting.runs.push_back(&run);
    setting.failed += run.state == "failed";
    setting.unfinished += run.state == "unfinished";
  }
  return settings;
}

std::vector<Json> axis_values(const std::vector<RunSetting>& settings, const std::string& axis) {
  std::vector<Json> values;
  for (const RunSetting& setting : settings)
    if (setting.options.contains(axis))
      if (const Json& value = setting.options.at(axis);
          std::ranges::find(values, value) == values.end())
        values.push_back(value);
  if (std::ranges::all_of(values, [](const Json& value) { return value.is_number(); }))
    std::ranges::sort(values);
  return values;
}

std::vector<std::string> methods_of(const std::vector<RunSetting>& settings) {
  std::vector<std::string> methods;
  for (const RunSetting& setting : settings)
    if (std::ranges::find(methods, setting.method) == methods.end())
      methods.push_back(setting.method);
  return methods;
}

std::string plus_minus(const Moments& moments, const RunField& field) {
  std::string text = field.format(moments.mean);
  if (std::isfinite(moments.deviation)) text += " ± " + field.format(moments.deviation);
  return text;
}

bool several_models(const std::vector<RunSetting>& settings) {
  std::set<std::string> models;
  for (const RunSetting& setting : settings)
    if (!setting.model.empty()) models.insert(setting.model);
  return models.size() > 1;
}

const RunSetting* best_setting(const std::vector<RunSetting>& settings, const std::string& method) {
  const RunSetting* best = nullptr;
  double highest = -1;
  for (const RunSetting& setting : settings)
    if (const double accuracy = setting.moments("test_accuracy").mean;
        setting.method == method && accuracy > highest)
      best = &setting, highest = accuracy;
  return best;
}

}  // namespace twice::experiments
