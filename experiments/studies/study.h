// A study: claims, the settings that may be chosen for it, and a function that measures. Its result
// goes whole into a record; verdict, page and plots are made from the record alone.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "experiments/files/record.h"
#include "experiments/measure/statistics.h"
#include "experiments/report/plots.h"
#include "experiments/report/progress.h"
#include "experiments/run/options.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

using Vector = std::vector<double>;

/// A number that a study may be given: `--NAME`. Names are shared between studies.
struct Setting {
  std::string name, meaning;
  /// Its value unless given, in the quick and in the full form.
  double quick, full;
  double low, high;
  bool whole = false;
};

// ---- Measurements ----

/// The numbers that a job measured, as lists by name.
using Measured = std::map<std::string, Vector>;
/// The same job done for each seed.
using Repeated = std::vector<Measured>;

/// The lists of every seed, one after the other, of all settings from number `from` to `to`.
Vector all(const std::vector<Repeated>& found, std::size_t from, std::size_t to,
           const std::string& name);
/// Of every seed element `k` of the list, or its last one; NaN where the list is shorter.
Vector each(const Repeated& seeds, const std::string& name, std::size_t k = 0);
inline constexpr std::size_t last = static_cast<std::size_t>(-1);
/// The smallest and the largest value; NaN when one of them is.
Interval range_of(const Vector& values);
/// 100 a_i
Vector percent(Vector a);
/// a_i / b_i
Vector ratios(Vector a, const Vector& b);
/// log10(a_i / b_i)
Vector powers_of_ten(Vector a, const Vector& b);

/// The finished jobs of a running study: one line of JSON for each, in a hidden folder beside the
/// output. A study that was killed or stopped reads them again and does only the rest; since a job
/// depends on its number alone, the result has the bits of a run that was never interrupted.
class Journal {
 public:
  /// OUT/.study-NAME-KEY/jobs.jsonl, where KEY is made from `identity`: everything on which the
  /// study's numbers depend. Reads the jobs that are there. The caller holds OUT.
  Journal(const std::filesystem::path& out, const std::string& name, const Json& identity);
  /// Removes the folder when no job is in it.
  ~Journal();

  /// The job's numbers; null when it is not done.
  const Measured* find(const std::string& task, std::size_t job) const;
  /// The job is done: from here on it survives kill -9 and loss of power. The numbers come back
  /// with all their bits; infinities come back as NaN.
  void add(const std::string& task, std::size_t job, const Measured& result);

  std::size_t size() const { return results_.size(); }
  /// Wall time of the study so far, up to now, that of earlier processes up to their last job.
  double seconds() const;
  std::filesystem::path file() const { return folder_ / "jobs.jsonl"; }
  /// The study's record has been written: the journal has served.
  void remove();

 private:
  using Clock = std::chrono::steady_clock;

  std::filesystem::path folder_;
  std::string text_;
  std::map<std::pair<std::string, std::size_t>, Measured> results_;
  double seconds_before_ = 0;
  Clock::time_point start_ = Clock::now();
};

/// The input of a study: its settings, the seed, and a way to run its jobs.
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

  enum class Order {
    together,  ///< several at once, each on one thread
    in_turn    ///< each on all threads: for jobs that take times
  };
  /// result[i][k] = body(i, seeds[k]) for each i < count. A job must depend on its numbers alone:
  /// results that the journal has under this `task` are not computed again. `units` of work in each
  /// are for the progress bar, to which a job reports by `advance`. When a job throws, no other is
  /// begun, and the exception is thrown on.
  std::vector<Repeated> jobs(const std::string& task, std::size_t count,
                             const std::vector<std::uint64_t>& seeds, double units,
                             const std::function<Measured(std::size_t, std::uint64_t)>& body,
                             Order order = Order::together);
  /// Work that is done. Throws Stopped when a stop was requested. May be called by several threads.
  void advance(double units = 1);

 private:
  std::map<std::string, double> settings_;
  std::uint64_t seed_;
  Journal& journal_;
  std::optional<Progress> progress_;
  std::mutex mutex_;
};

// ---- Claims ----

/// The range in which a claim's value must lie. Ends may be infinite.
struct Range {
  double low, high;
};
Range at_most(double high);
Range at_least(double low);

/// The meaning of a claim's failure.
enum class Weight {
  core,   ///< the study's claim is wrong
  limit,  ///< it does not hold everywhere
};

/// A number with its uncertainty and the range in which it must lie.
struct Claim {
  std::string claim;
  double value;
  Interval interval;
  /// The meaning of the interval: `95 % for the mean of 5 seeds`.
  std::string uncertainty;
  Range expected;
  Weight weight = Weight::core;

  /// The whole interval is in the range. False when a number is NaN.
  bool holds() const;

  static void json_fields(auto& self, const auto& visit) {
    visit("claim", self.claim);
    visit("value", self.value);
    visit("interval", Vector{self.interval.low, self.interval.high});
    visit("uncertainty", self.uncertainty);
    visit("expected", Vector{self.expected.low, self.expected.high});
    visit("weight", self.weight == Weight::core ? "core" : "limit");
    visit("holds", self.holds());
  }
};

/// A claim on the mean over seeds, with its 95 % interval, which is widened when it is one of
/// several `comparisons` on which something hangs together.
Claim on_mean(std::string claim, const Vector& values, Range expected, Weight weight = Weight::core,
              int comparisons = 1);
/// A claim on every one of the values, such as an identity's errors: the value is their median, the
/// interval runs from the smallest to the largest.
Claim on_all(std::string claim, const Vector& values, Range expected, Weight weight = Weight::core);

/// `not reproduced` when a core claim fails (or there is none), `reproduced within limits` when a
/// limit does, else `reproduced`. It follows from the claims alone, so a study cannot say more than
/// its numbers.
std::string verdict(const std::vector<Claim>& claims);

// ---- Plots and tables, with the fields that docs/records.md lists ----

/// Five digits tell all that a plot shows.
Vector five_digits(Vector values);

/// One line of a plot. `low` and `high`, when there, bound its uncertainty and are drawn as a band.
struct StudyCurve {
  std::string name;
  /// A method's name, whose colour it gets, or `ramp-1` to `ramp-4`.
  std::string ink;
  Vector x = {}, y = {}, low = {}, high = {};
  bool dashed = false;

  static void json_fields(auto& self, const auto& visit) {
    visit("name", self.name);
    visit("ink", self.ink);
    visit("dashed", self.dashed);
    visit("x", five_digits(self.x));
    visit("y", five_digits(self.y));
    if (!self.low.empty()) visit("low", five_digits(self.low));
    if (!self.high.empty()) visit("high", five_digits(self.high));
  }
};

enum class Shown { mean, mean_and_interval, geometric_mean, geometric_mean_and_range };
/// At x[k] the mean of `values(k)`, one value for each seed.
StudyCurve mean_curve(std::string name, std::string ink, Vector x, Shown shown,
                      const std::function<Vector(std::size_t)>& values);

struct StudyPlot {
  std::string name;  ///< of its file: STUDY-NAME.svg
  std::string title, y_title, x_title;
  bool log_x = false, log_y = false;
  std::vector<StudyCurve> curves = {};

  static void json_fields(auto& self, const auto& visit) {
    visit("name", self.name);
    visit("title", self.title);
    visit("y_title", self.y_title);
    visit("x_title", self.x_title);
    visit("log_x", self.log_x);
    visit("log_y", self.log_y);
    visit("curves", self.curves);
  }
};

struct StudyTable {
  std::string title;
  std::vector<std::string> headings;
  std::vector<std::vector<std::string>> rows = {};

  static void json_fields(auto& self, const auto& visit) {
    visit("title", self.title);
    visit("headings", self.headings);
    visit("rows", self.rows);
  }
};

/// Each number in `format`, such as "{:.2f}": "1.50 (1.20 to 1.80)", the mean and its 95 %
/// interval.
std::string with_interval(const Vector& values, const char* format, const char* unit = "");

// ---- Studies ----

struct StudyResult {
  /// The study's, and what a run adds.
  std::vector<std::string> setup, remarks;
  std::vector<Claim> claims = {};
  std::vector<StudyPlot> plots = {};
  /// As a record holds them.
  std::vector<Json> heat_maps = {};
  std::vector<StudyTable> tables = {};

  void claim(const std::vector<Claim>& more) {
    claims.insert(claims.end(), more.begin(), more.end());
  }
};

/// In `setup` and in all texts of a result `{NAME}` stands for the value of a setting.
struct Study {
  std::string name;
  /// In one line: for `--list`.
  std::string shows;
  /// The claim in full, and whose it is.
  std::string claimed, by;
  /// About how long, on 2 cores.
  std::string quick_time, full_time;
  /// Gains from a larger machine.
  std::string larger;
  std::vector<Setting> settings;
  /// The set-up in sentences; then what else follows from the numbers, and what does not.
  std::vector<std::string> setup, remarks;
  void (*run)(StudyContext& context, StudyResult& result);
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

/// STUDY.md and an SVG file for each plot: names and contents, as they are to be in `folder`. Made
/// from the record alone.
std::vector<std::pair<std::string, std::string>> study_files(const Json& record,
                                                             const std::filesystem::path& folder);

}  // namespace twice::experiments
