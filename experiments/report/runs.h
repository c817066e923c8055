// The training runs of a report, from a sweep or from the single runs of a folder. Runs are grouped
// so that the runs of a group may be compared. Runs of a group that differ only in their seeds form
// a setting. The functions below choose a setting for each method, compare the methods, and make
// the section that shows the runs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "experiments/report/table.h"

namespace twice::experiments {

/// A record with the name of its file.
struct FoundRecord {
  std::string file;
  Json content;
  std::vector<std::string> copies = {};  ///< other files with the same record
};

struct Run {
  std::string name;
  Json config = {};
  std::string setting = {};  ///< the name of its row in a sweep's record
  std::string state = {};    ///< "done", "failed" or "unfinished"
  std::string error = {};    ///< of a failed run
  std::string file = {};     ///< the path of the record in the reported folder, or ""
  std::string method = {}, model = {}, seed = {};
  std::string seeds = {};    ///< all seeds or "-"; runs with equal seeds are paired
  std::string machine = {};  ///< CPU and threads, which affect times; "" if not known
  Json data = {};            ///< the record's `data`; null if not known
  /// The run's values of the axes, except the method and the seeds.
  Json options = Json::object();
  double epochs = 0;
  /// The values of `result_columns`, if the run is done. `selected_...` are the test results after
  /// the epoch that is the best on the validation examples.
  std::map<std::string, double> results = {};
  /// The row of `train`, with the curve so far. Null before the end of the first epoch. It points
  /// into the run's record.
  const Json* row = nullptr;
  const Json* record = nullptr;  ///< of a single run

  /// The points of the curve; null if there is no curve.
  const Json& curve() const;
  /// A value of `results`; NaN if there is none.
  double result(const std::string& field) const;
};

/// Runs that may be compared: they were trained on the same problem, for the same number of steps.
struct RunSet {
  /// The options that vary, except the method and the seeds, in the order of the runs' names.
  std::vector<std::string> axes;
  std::vector<Run> runs;
  /// The differences between the group and the others, such as "width 64, data digits". "" if there
  /// is only one group.
  std::string title = {};
  /// False if the runs' machines or threads differ. Times are then left out.
  bool timed = true;
};

/// The columns in which runs are compared: the results and metrics that some run has.
std::vector<Column> result_columns(const RunSet& set);
/// Whether a result is a time.
bool is_cost(const Column& result);

/// Whether the option is a seed: runs that differ in seeds alone are repetitions.
bool is_seed(const std::string& option);

/// Whether the runs of a sweep must agree in the option to be compared. Runs that differ in other
/// options belong to different settings.
bool is_task(const std::string& option);

/// The checksum of each file, by its name.
using Checksums = std::map<std::string, std::string>;
/// The checksums in a record's `data`, with that of the file of --init.
Checksums checksums_of(const Json& data);

/// The runs that a sweep's record lists, in groups of one problem, data set, model, batch, number
/// type and number of epochs. `trains` holds the runs' own records, if they exist, by the run's
/// name.
std::vector<RunSet> sweep_runs(const Json& sweep, const std::map<std::string, FoundRecord>& trains);

/// One record of the runs of several records of one sweep, such as those of its shards. The head is
/// that of the first. If a run is in several, the record with more epochs counts.
Json join_sweeps(const std::vector<Json>& parts);

/// All runs of a sweep together, for plots over an option in which the groups differ.
RunSet all_sweep_runs(const Json& sweep, const std::map<std::string, FoundRecord>& trains);

/// Single runs, methods in their usual order, in groups that agree in everything but the method,
/// its options and the seeds.
std::vector<RunSet> train_runs(const std::vector<FoundRecord>& trains);

/// A run for each row of a record of `compare`.
RunSet compare_runs(const FoundRecord& compare);

/// Names and bytes of runs.csv, with a row for each run, and of curves.csv, with a row for each run
/// and epoch (docs/records.md, "Tables of runs"). A table without rows is left out.
std::vector<std::pair<std::string, std::string>> run_tables(const std::vector<Run>& runs);

struct Moments {
  double mean, deviation;  ///< of the sample, with n - 1; NaN for fewer than two
  std::size_t n;
};

/// Runs that differ only in their seeds.
struct RunSetting {
  std::string method;
  Json options;
  std::vector<std::string> axes;  ///< the set's axes, for the order of options
  std::vector<const Run*> runs;
  std::size_t failed = 0, unfinished = 0;

  /// The finished runs. Of runs with the same seeds, only the first counts.
  std::vector<const Run*> finished() const;
  /// The result of each of them, with its seeds.
  std::vector<std::pair<std::string, double>> values_of(const std::string& field) const;
  /// The moments of these values.
  Moments moments(const std::string& field) const;
  std::size_t done() const { return runs.size() - failed - unfinished; }
  /// The options' values, such as "gamma 0.1, epsilon 0.05"; "" if no option varies.
  std::string values() const;
};

/// The settings, in order of their first runs.
std::vector<RunSetting> settings_of(const RunSet& set);

/// The result that ranks settings, by the rule of `ranking_result` in table.h.
std::string ranking_result(const std::vector<RunSetting>& settings);

/// The chosen setting of each method that has a finished run. The methods are in the order in which
/// they first appear.
/// Among the settings with the most finished seeds, the setting with the best mean of
/// `ranking_result` is chosen.
std::vector<const RunSetting*> chosen_settings(const std::vector<RunSetting>& settings);

/// True if a method has several settings to choose from.
bool has_choice(const std::vector<RunSetting>& settings);

/// For each pair of methods, the difference between their chosen settings, over the seeds that both
/// settings have (at least 3). The rows are those of `comparisons` in docs/records.md. The baseline
/// of all others is `sgd` or, without `sgd`, the first method.
std::vector<Json> paired_differences(const RunSet& set, const std::vector<RunSetting>& settings);

/// The table of these differences, and a second table with the values of each seed. The second
/// table is closed at first. All numbers of a row follow from these values. "" without rows.
std::string comparison_tables(const std::vector<Json>& rows);

/// "exact against sgd: test accuracy +0.45 % (+0.12 % to +0.78 %, 5 seeds): better".
std::string comparison_text(const Json& row);

/// Sorts the rows of a sweep's record by group, by method, with the chosen setting first, and by
/// rank. Adds `ranked_by` and `comparisons` to the record, and `ranked_by` and `chosen` to each
/// row.
void add_comparisons(Json& sweep);

/// Heat maps of each quantity that is not a cost. A list selects the quantity. There is a map for
/// each method and for each combination of the options besides the two of the map. A map shows the
/// mean over seeds, and all maps of a quantity have one colour scale. The two options are gamma and
/// epsilon if both vary, and otherwise the first two axes that vary. "" if fewer than two vary.
std::string run_maps(const RunSet& set, const std::vector<RunSetting>& settings);

/// The same quantities over one option at a time. If only one option varies, lines are drawn. If a
/// grid would have far more settings, as in a random search, a dot is drawn for each setting. ""
/// otherwise.
std::string run_axes(const RunSet& set, const std::vector<RunSetting>& settings);

/// Train loss, test accuracy and gradient norm over epochs. One view shows the chosen setting of
/// each method, and a view for each method shows its settings. A list selects the view. "" if no
/// run has an epoch.
std::string run_curves(const std::vector<RunSetting>& settings);

/// The content of the section: settings, comparisons, maps, curves, costs and every run. `record`
/// gives what all runs have in common. It may be null.
std::string runs_section(const RunSet& set, const Json& record);

}  // namespace twice::experiments
