// Training runs as a report looks at them: all of a sweep, or the single ones of a folder, and the
// settings that they make, each with its seeds; and the section that shows them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/report/table.h"
#include "optim/gradient_regularization.h"

namespace twice::experiments {

struct Run {
  std::string name;
  Json config = {};
  std::string state = {};  ///< "done", "failed" or "unfinished"
  std::string error = {};  ///< of a failed run
  std::string file = {};   ///< its record, relative to the reported folder; "" without one
  std::string method = {}, model = {}, seed = {};
  /// The values of the axes that it uses, without method and seed.
  Json options = Json::object();
  /// `train`'s row, with the curve as far as it goes; null before the first epoch's end.
  Json row = {};
  double epochs = 0;
  /// Only of a run that is done: what `result_columns` shows.
  std::map<std::string, double> results = {};
};

struct RunSet {
  /// The options that vary, without method and seed, in the order of the runs' names.
  std::vector<std::string> axes;
  std::vector<Run> runs;
};

/// What is compared between runs: the results and metrics that one of them has.
std::vector<Column> result_columns(const RunSet& set);
/// Whether a result is a time.
bool is_cost(const Column& result);

/// A record with the file that it was read from.
struct FoundRecord {
  std::string file;
  Json content;
};

/// The runs that a sweep's record lists. `trains` are the records of those that have one, by the
/// run's name.
RunSet sweep_runs(const Json& sweep, const std::map<std::string, FoundRecord>& trains);

/// Whether the method reads the option, given by its command-line name without dashes.
bool method_reads(const Method& method, std::string option);

/// Single runs, methods in their usual order; what differs between them is an axis.
RunSet train_runs(const std::vector<FoundRecord>& trains);

/// A run for each row of a record of `compare`.
RunSet compare_runs(const FoundRecord& compare);

/// Names and bytes of runs.csv, a row for each run, and curves.csv, a row for each run and epoch:
/// docs/records.md, "Tables of runs". Neither without a row.
std::vector<std::pair<std::string, std::string>> run_tables(const std::vector<Run>& runs);

struct Moments {
  double mean, deviation;  ///< of the sample, with n - 1; NaN of fewer than two
  std::size_t n;
};

/// Runs that differ in their seed alone.
struct RunSetting {
  std::string method, model;
  Json options;
  std::vector<std::string> axes;  ///< of the set: the options' order
  std::vector<const Run*> runs = {};
  std::size_t failed = 0, unfinished = 0;

  /// Over the runs that are done.
  Moments moments(const std::string& field) const;
  std::size_t done() const { return runs.size() - failed - unfinished; }
  /// "gamma 0.1, epsilon 0.05"; "" where nothing varies.
  std::string values() const;
};

/// In order of their first runs.
std::vector<RunSetting> settings_of(const RunSet& set);

/// The result that ranks settings, as `ranking_result` says.
std::string ranking_result(const std::vector<RunSetting>& settings);

/// A method's setting of the best mean of that result; null when it has no finished run.
const RunSetting* best_setting(const std::vector<RunSetting>& settings, const std::string& method);

/// For each quantity that is no cost, to choose from: a heat map for each method (and each
/// combination of the options besides the two) of its mean over seeds, all on one scale of colours:
/// over gamma and epsilon where both vary, else over the first two axes that do. "" when fewer than
/// two vary.
std::string run_maps(const RunSet& set, const std::vector<RunSetting>& settings);

/// The same quantities over one option at a time: lines where it is the only one that varies, a dot
/// for each setting where a grid would have far more (a random search). "" otherwise.
std::string run_axes(const RunSet& set, const std::vector<RunSetting>& settings);

/// Train loss, test accuracy and gradient norm over epochs: the best setting of each method, and
/// in views to choose the settings of each method. "" when no run has an epoch.
std::string run_curves(const std::vector<RunSetting>& settings);

/// Settings, maps, curves, costs and every run. `record` gives machine and options; it may be null.
std::string runs_section(const RunSet& set, const Json& record, std::string_view title,
                         std::string_view id);

}  // namespace twice::experiments
