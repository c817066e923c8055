// Converts runs to JSON and back, and computes means and deviations over seeds.
#include "experiments/commands/sweep/runs.h"

#include <algorithm>
#include <map>

#include "experiments/files/atomic_file.h"
#include "experiments/files/record.h"
#include "experiments/files/words.h"
#include "experiments/measure/statistics.h"
#include "experiments/run/machine.h"

namespace twice::experiments {

namespace {

namespace fs = std::filesystem;

std::string state_name(RunState state) {
  return state == RunState::done ? "done" : state == RunState::failed ? "failed" : "pending";
}

/// The options of a setting's runs that vary in the sweep.
Json axis_values(const Json& config, const std::vector<std::string>& axes) {
  Json values = Json::object();
  for (const std::string& axis : axes)
    if (axis != "method" && !is_seed(axis) && uses(config, axis) && config.contains(axis))
      values[axis] = config.at(axis);
  return values;
}

Json row_of(const std::vector<const RunResult*>& runs, const std::vector<std::string>& axes) {
  const Json& config = runs.front()->run.config;
  Json row = {{"method", config.at("method").at(0)},
              {"setting", setting_name(config, axes)},
              {"options", axis_values(config, axes)}};
  std::map<std::string, std::vector<double>> results;
  for (const char* name : {"test_accuracy", "loss", "train_loss", "gradient_norm", "seconds"})
    results.try_emplace(name);
  std::size_t done = 0, failed = 0;
  row["model"] = nullptr;
  for (const RunResult* result : runs) {
    failed += result->state == RunState::failed;
    if (!result->model.empty()) row["model"] = result->model;
    if (result->state != RunState::done) continue;
    ++done;
    Json last = result->curve.back();
    last["seconds"] = result->seconds();
    for (const auto& [name, value] : result->curve.back().metrics) results.try_emplace(name);
    for (auto& [name, values] : results) values.push_back(number(last, name));
  }
  row["n"] = done;
  row["failed"] = failed;
  row["to_do"] = runs.size() - done - failed;
  for (const auto& [name, values] : results) {
    row[name] = mean(values);
    row[name + "_std"] = standard_deviation(values);
  }
  return row;
}

Json rows_of(const std::vector<RunResult>& results, const std::vector<std::string>& axes) {
  std::vector<std::string> order;
  std::map<std::string, std::vector<const RunResult*>> settings;
  for (const RunResult& result : results) {
    const std::string name = setting_name(result.run.config, axes);
    if (!settings.contains(name)) order.push_back(name);
    settings[name].push_back(&result);
  }
  std::vector<Json> rows;
  for (const std::string& name : order) rows.push_back(row_of(settings[name], axes));
  return rows;
}

}  // namespace

double RunResult::seconds() const {
  double sum = 0;
  for (const EpochRecord& epoch : curve) sum += epoch.seconds;
  return sum;
}

RunResult look_up(const GridRun& run, const fs::path& folder) {
  RunResult result{run, folder};
  const std::optional<std::string> bytes = read_if_exists(folder / "train.json");
  if (!bytes) return result;
  // A damaged record is replaced: `train` makes a new one from the checkpoint.
  const Json record = Json::parse_or_null(*bytes);
  const std::vector<Json> rows = objects(record, "rows");
  if (rows.size() != 1) return result;
  Json config = member(record, "config");
  if (!config.is_object()) return result;
  config.erase("threads");
  for (const auto& [option, value] : run.config.members())
    if (config.value(option, Json()) != value)
      throw UsageError(fmt::format("{} holds a run with --{} {}, not {}: use another --out",
                                   folder.string(), option, config.value(option, Json()).dump(),
                                   value.dump()));
  result.model = text(rows[0], "model");
  result.data = member(record, "data");
  result.kernels = member(record, "kernels");
  try {
    member(rows[0], "curve").get_to(result.curve);
  } catch (const JsonError&) {
    result.curve.clear();
    return result;
  }
  // A run writes the table of its curve last.
  const bool whole = static_cast<int>(result.curve.size()) == run.epochs();
  std::error_code ignored;
  if (whole && fs::exists(folder / "curves.csv", ignored)) result.state = RunState::done;
  return result;
}

Json sweep_record(const Grid& grid, const std::vector<RunResult>& results, const Json& layout) {
  const std::vector<std::string>& axes = grid.axes;
  Json record = record_header("sweep");
  // The options that all runs share appear once.
  Json shared = grid.runs.front().config;
  for (const std::string& axis : axes) shared.erase(axis);
  for (const GridRun& run : grid.runs)
    std::erase_if(shared.members(), [&](const auto& option) {
      return run.config.value(option.first, Json()) != option.second;
    });
  record["config"] = shared;
  record["axes"] = Json::array();
  for (const std::string& axis : axes) {
    Json values = Json::array();
    for (const GridRun& run : grid.runs) {
      const Json& config = run.config;
      if (!uses(config, axis) || !config.contains(axis)) continue;
      const Json value = axis == "method" ? config.at(axis).at(0) : config.at(axis);
      if (!holds(values, value)) values.push_back(value);
    }
    record["axes"].push_back({{"option", axis}, {"values", values}});
  }
  record["layout"] = layout;
  record["runs"] = Json::array();
  record["data"] = Json::array();
  for (const RunResult& result : results) {
    Json own = result.run.config;
    for (const auto& [option, value] : shared.members()) own.erase(option);
    Json entry = {
        {"name", result.run.name},           {"setting", setting_name(result.run.config, axes)},
        {"state", state_name(result.state)}, {"config", own},
        {"epochs", result.curve.size()},     {"seconds", result.seconds()}};
    if (result.state == RunState::failed) entry["error"] = result.error;
    if (!result.kernels.is_null()) entry["kernels"] = result.kernels;
    if (!result.data.is_null()) {
      Json& data = record["data"];
      const auto known = std::find(data.begin(), data.end(), result.data);
      entry["data"] = known - data.begin();
      if (known == data.end()) data.push_back(result.data);
    }
    if (result.state == RunState::done) {
      const Json last = result.curve.back();
      if (const int best = best_epoch(result.curve)) {
        const Json selected = *std::ranges::find(result.curve, best, &EpochRecord::epoch);
        entry["best_epoch"] = best;
        entry["selected_loss"] = selected.at("loss");
        entry["selected_test_accuracy"] = selected.at("test_accuracy");
      }
      for (const char* field : {"train_loss", "loss", "test_accuracy", "gradient_norm", "metrics"})
        entry[field] = last.at(field);
    }
    record["runs"].push_back(entry);
  }
  record["rows"] = rows_of(results, axes);
  add_comparisons(record);
  return record;
}

Grid recorded_grid(const Json& record, const fs::path& file) {
  Grid grid;
  try {
    for (const Json& axis : record.at("axes")) grid.axes.push_back(axis.at("option"));
    for (const Json& entry : record.at("runs")) {
      Json config = record.at("config");
      config.update(entry.at("config"));
      run_options(config);  // fails if an option is wrong
      grid.runs.push_back({entry.at("name"), config});
    }
  } catch (const JsonError& error) {
    fail("sweep", "{} is not a record of a sweep: {}", file.string(), error.what());
  }
  return grid;
}

}  // namespace twice::experiments
