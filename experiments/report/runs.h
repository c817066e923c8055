// Training runs as a report looks at them: those of a sweep, or the single ones of a folder, in
// groups that may be compared; the settings that they make, each with its seeds; which setting of a
// method is chosen and how methods differ; and the section that shows them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/report/table.h"
#include "optim/gradient_regularization.h"

namespace twice::experiments {

/// A record with the file that it was read from.
struct FoundRecord {
  std::string file;
  Json content;
};

struct Run {
  std::string name;
  Json config = {};
  std::string state = {};  ///< "done", "failed" or "unfinished"
  std::string error = {};  ///< of a failed run
  std::string file = {};   ///< its record, relative to the reported folder; "" without one
  std::string method = {}, model = {}, seed = {};
  std::string seeds = {};    ///< all of its seeds, by which runs are paired; "-" without one
  std::string machine = {};  ///< CPU and threads, which its times depend on; "" where not known
  Json data = {};            ///< the record's `data`; null where not known
  /// The values of the axes that it uses, without method and seeds.
  Json options = Json::object();
  double epochs = 0;
  /// Only of a run that is done: what `result_columns` shows. `selected_...` are the test results
  /// after the epoch that is the best on the validation examples.
  std::map<std::string, double> results = {};
  /// `train`'s row, with the curve as far as it goes; null before the first epoch's end. It points
  /// into the run's record.
  const Json* row = nullptr;
  const Json* record = nullptr;  ///< of a single run

  /// The points of the curve, null without one.
  const Json& curve() const;
};

/// Runs that may be compared: they were trained on the same thing, for the same number of steps.
struct RunSet {
  /// The options that vary, without method and seeds, in the order of the runs' names.
  std::vector<std::string> axes;
  std::vector<Run> runs;
  /// What tells the group from the others, "width 64, data digits"; "" of the only one.
  std::string title = {};
  /// Times are left out where the runs' machines or threads differ.
  bool timed = true;
};

/// What is compared between runs: the results and metrics that one of them has.
std::vector<Column> result_columns(const RunSet& set);
/// Whether a result is a time.
bool is_cost(const Column& result);

/// Whether the method reads the option, given by its command-line name without dashes.
bool method_reads(const Method& method, std::string option);
/// Whether the option is a seed: runs that differ in seeds alone are repetitions.
bool is_seed(const std::string& option);

/// The runs that a sweep's record lists, in groups of one problem, data set, model, batch, number
/// type and number of epochs. `trains` are the records of those that have one, by the run's name.
std::vector<RunSet> sweep_runs(const Json& sweep, const std::map<std::string, FoundRecord>& trains);

/// All runs of a sweep together, for plots over an option in which the groups differ.
RunSet all_sweep_runs(const Json& sweep, const std::map<std::string, FoundRecord>& trains);

/// Single runs, methods in their usual order, in groups that agree in everything but the method,
/// its options and the seeds.
std::vector<RunSet> train_runs(const std::vector<FoundRecord>& trains);

/// A run for each row of a record of `compare`.
RunSet compare_runs(const FoundRecord& compare);

/// Names and bytes of runs.csv, a row for each run, and curves.csv, a row for each run and epoch:
/// docs/records.md, "Tables of runs". Neither without a row.
std::vector<std::pair<std::string, std::string>> run_tables(const std::vector<Run>& runs);

struct Moments {
  double mean, deviation;  ///< of the sample, with n - 1; NaN of fewer than two
  std::size_t n;
};

/// Runs that differ in their seeds alone.
struct RunSetting {
  std::string method, model;
  Json options;
  std::vector<std::string> axes;  ///< of the set: the options' order
  std::vector<const Run*> runs = {};
  std::size_t failed = 0, unfinished = 0;

  /// The result of each run that is done, with its seeds; of the same seeds only the first.
  std::vector<std::pair<std::string, double>> values_of(const std::string& field) const;
  /// Over these values.
  Moments moments(const std::string& field) const;
  std::size_t done() const { return runs.size() - failed - unfinished; }
  /// "gamma 0.1, epsilon 0.05"; "" where nothing varies.
  std::string values() const;
};

/// In order of their first runs.
std::vector<RunSetting> settings_of(const RunSet& set);

/// The result that ranks settings, as `ranking_result` says.
std::string ranking_result(const std::vector<RunSetting>& settings);

/// The chosen setting of each method that has a finished run, methods in order of appearance: among
/// those with the most finished seeds the one of the best mean of `ranking_result`.
std::vector<const RunSetting*> chosen_settings(const std::vector<RunSetting>& settings);

/// Whether a method has several settings to choose from.
bool has_choice(const std::vector<RunSetting>& settings);

/// How each method's chosen setting differs from the others', over the seeds that both have (at
/// least 3): rows as docs/records.md says of `comparisons`. `sgd`, else the first method, is the
/// baseline of all others.
std::vector<Json> paired_differences(const RunSet& set, const std::vector<RunSetting>& settings);

/// Their table, and to be opened the values of each seed, from which all numbers of a row follow.
/// "" without a row.
std::string comparison_tables(const std::vector<Json>& rows);

/// "exact against sgd: test accuracy +0.45 % (+0.12 % to +0.78 %, 5 seeds): better".
std::string comparison_text(const Json& row);

/// Sorts the rows of a sweep's record (groups, methods, the chosen setting first, then by rank),
/// and adds `ranked_by`, `comparisons`, and to each row `ranked_by` and `chosen`.
void add_comparisons(Json& sweep);

/// For each quantity that is no cost, to choose from: a heat map for each method (and each
/// combination of the options besides the two) of its mean over seeds, all on one scale of colours:
/// over gamma and epsilon where both vary, else over the first two axes that do. "" when fewer than
/// two vary.
std::string run_maps(const RunSet& set, const std::vector<RunSetting>& settings);

/// The same quantities over one option at a time: lines where it is the only one that varies, a dot
/// for each setting where a grid would have far more (a random search). "" otherwise.
std::string run_axes(const RunSet& set, const std::vector<RunSetting>& settings);

/// Train loss, test accuracy and gradient norm over epochs: the chosen setting of each method, and
/// in views to choose the settings of each method. "" when no run has an epoch.
std::string run_curves(const std::vector<RunSetting>& settings);

/// Settings, comparisons, maps, curves, costs and every run. `record` gives machine and options; it
/// may be null.
std::string runs_section(const RunSet& set, const Json& record, std::string_view title,
                         std::string_view id);

}  // namespace twice::experiments
