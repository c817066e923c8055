// What a study is: one claim, a function that runs an experiment on it, and the numbers that may be
// chosen for it. What it hands back goes whole into a record; verdict, page and plots are made from
// the record alone.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "experiments/report/plots.h"
#include "experiments/report/progress.h"
#include "experiments/run/options.h"
#include "experiments/studies/journal.h"
#include "experiments/studies/verdict.h"

namespace twice::experiments {

/// A number that a study may be given: `--NAME`. Names are shared between studies.
struct Setting {
  std::string name, meaning;
  /// What it is unless given, in the quick and in the full form.
  double quick, full;
  double low, high;
  bool whole = false;
};

/// One line of a plot. `low` and `high`, when there, bound its uncertainty and are drawn dotted.
struct StudyCurve {
  std::string name;
  /// A method's name, whose colour it gets, or `ramp-1` to `ramp-4`.
  std::string ink;
  std::vector<double> x = {}, y = {}, low = {}, high = {};
  bool dashed = false;
};

struct StudyPlot {
  std::string name;  ///< of its file: STUDY-NAME.svg
  std::string title, y_title, x_title;
  bool log_x = false, log_y = false;
  std::vector<StudyCurve> curves = {};
};

struct StudyHeatMap {
  std::string name, title;  ///< as a plot's
  std::string value_title;  ///< what the numbers in the cells are
  HeatMap map;
};

struct StudyTable {
  std::string title;
  std::vector<std::string> headings;
  std::vector<std::vector<std::string>> rows;
};

struct StudyResult {
  /// The set-up in sentences, with the numbers that were in effect.
  std::vector<std::string> setup = {};
  std::vector<Claim> claims = {};
  std::vector<StudyPlot> plots = {};
  std::vector<StudyHeatMap> heat_maps = {};
  std::vector<StudyTable> tables = {};
  /// What the numbers say beside the claims, and what they do not.
  std::vector<std::string> remarks = {};
};

/// A stop was requested (Ctrl-C).
struct Stopped : Error {
  using Error::Error;
};

/// What a study is given: its settings, the seed, and somebody to do its jobs.
class StudyContext {
 public:
  StudyContext(std::map<std::string, double> settings, std::uint64_t seed, Journal& journal)
      : settings_(std::move(settings)), seed_(seed), journal_(journal) {}

  double number(const std::string& setting) const { return settings_.at(setting); }
  int count(const std::string& setting) const { return static_cast<int>(number(setting)); }
  bool flag(const std::string& setting) const { return number(setting) != 0; }
  /// The seeds of the repetitions: `--seed` and those after it, `seeds` of them.
  std::vector<std::uint64_t> seeds() const { return seeds(0, count("seeds")); }
  /// `count` seeds, of which the first comes `after` many after `--seed`.
  std::vector<std::uint64_t> seeds(int after, int count) const;

  /// {body(0), ..., body(count - 1)}, several at once, each on one thread. A job must depend on its
  /// number alone and what it hands back must be JSON (`json_fields` of a struct): what
  /// the journal has under this `task` is not computed again. `units` of work in all are for the
  /// progress bar, to which a job reports by `advance`. When a job throws, no other is begun, and
  /// the exception is thrown on.
  template <class Body>
  auto jobs(const std::string& task, std::size_t count, double units, const Body& body) {
    return run<Body>(task, count, units, body, true);
  }
  /// One after the other, each on all threads: for jobs that take times.
  template <class Body>
  auto jobs_in_turn(const std::string& task, std::size_t count, double units, const Body& body) {
    return run<Body>(task, count, units, body, false);
  }
  /// Work that is done. Throws Stopped when a stop was requested. May be called by several threads.
  void advance(double units = 1);

 private:
  template <class Body>
  auto run(const std::string& task, std::size_t count, double units, const Body& body,
           bool together) {
    std::vector<std::invoke_result_t<Body, std::size_t>> results;
    for (const Json& json : run_jobs(
             task, count, units, [&](std::size_t i) -> Json { return body(i); }, together))
      results.push_back(json.get<std::invoke_result_t<Body, std::size_t>>());
    return results;
  }
  std::vector<Json> run_jobs(const std::string& task, std::size_t count, double units,
                             const std::function<Json(std::size_t)>& body, bool together);

  std::map<std::string, double> settings_;
  std::uint64_t seed_;
  Journal& journal_;
  std::optional<Progress> progress_;
  std::mutex mutex_;
};

struct Study {
  std::string name;
  /// In one line: for `--list`.
  std::string shows;
  /// The claim in full, and whose it is.
  std::string claimed, by;
  /// About how long, on 2 cores.
  std::string quick_time, full_time;
  /// What a larger machine would add.
  std::string larger;
  std::vector<Setting> settings;
  StudyResult (*run)(StudyContext& context);
};

/// Every study, in the order of `--list`.
const std::vector<Study>& studies();

// Each in its own file.
Study flooding_study();
Study sam_study();
Study implicit_study();
Study gradient_error_study();
Study diagonal_linear_network_study();
Study curvature_term_study();
Study generalization_study();
Study cost_study();

}  // namespace twice::experiments
