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

/// Adds what the run's own record has, if there is one, and its results, if it is done.
void add_record(Run& run, const FoundRecord* train, const Json& entry) {
  if (const std::vector<Json> rows =
          train ? objects(member(train->content, "rows")) : std::vector<Json>();
      rows.size() == 1) {
    run.file = train->file;
    run.row = rows[0];
    run.model = text(run.row, "model");
  }
  if (run.state != "done") return;
  double seconds = 0;
  for (const Json& epoch : objects(member(run.row, "curve"))) seconds += number(epoch, "seconds");
  if (seconds > 0) run.results["seconds"] = seconds;
  for (const Json* source : std::initializer_list<const Json*>{&run.row, &entry})
    for (const RunField& field : run_fields())
      if (const double value = number(*source, field.key); std::isfinite(value))
        run.results[field.key] = value;
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

bool method_reads(const Method& method, std::string option) {
  std::ranges::replace(option, '-', '_');
  const std::string list = fmt::format(", {},", method.options);
  return list.find(fmt::format(", {},", option)) != std::string::npos;
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
    if (const std::size_t end = run.name.rfind('/'); end != std::string::npos) run.name.resize(end);
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
