// A study: its claims, its settings, and a function that measures. The whole result is stored in a
// record. Verdict, page and plots depend on the record alone.
#pragma once

#include <chrono>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "experiments/files/record.h"
#include "experiments/measure/statistics.h"
#include "experiments/mpi/ranks.h"
#include "experiments/report/plots.h"
#include "experiments/report/progress.h"
#include "experiments/run/options.h"
#include "experiments/run/output.h"
#include "experiments/run/stop.h"

namespace twice::experiments {

using Vector = std::vector<double>;

/// A number that a study accepts as `--NAME`. Studies share names.
struct Setting {
  std::string name, meaning;
  /// The default value in the quick and in the full form.
  double quick, full;
  double low, high;
  bool whole = false;
};

// ---- Measurements ----

/// The numbers that a job measured, as lists by name.
using Measured = std::map<std::string, Vector>;
/// The numbers of a job from their JSON. JSON has no NaN, so null represents it.
Measured measured(const Json& lists);
/// The same job for each seed.
using Repeated = std::vector<Measured>;

/// Joins the lists of all seeds for the settings `from` to `to`.
Vector all(const std::vector<Repeated>& found, std::size_t from, std::size_t to,
           const std::string& name);
/// Element `k` of the list of each seed, or with `last` its last element. NaN if the list is
/// shorter.
Vector each(const Repeated& seeds, const std::string& name, std::size_t k = 0);
inline constexpr std::size_t last = static_cast<std::size_t>(-1);
/// The smallest and the largest value. NaN if any value is NaN.
Interval range_of(const Vector& values);
/// factor a_i
Vector scaled(Vector a, double factor);
/// a_i / b_i
Vector ratios(Vector a, const Vector& b);
/// log10(a_i / b_i)
Vector powers_of_ten(Vector a, const Vector& b);

/// The finished jobs of a running study, as one line of JSON each, in a hidden folder inside the
/// output folder. A resumed study reads the journal and runs only the remaining jobs. A job depends
/// only on its numbers, so the result has the same bits as an uninterrupted run.
class Journal {
 public:
  /// The file is OUT/.study-NAME-KEY/jobs.jsonl. KEY is a hash of `identity`, which is everything
  /// that the study's numbers depend on. Reads the jobs in the file. `lock` is the lock of OUT and
  /// must outlive the journal.
  Journal(const FolderLock& lock, const std::string& name, const Json& identity);
  /// A journal without a file, of a rank other than 0.
  Journal() = default;
  /// Removes the folder if it contains no job.
  ~Journal();

  /// The job's numbers. Null if the job is not done.
  const Measured* find(const std::string& task, std::size_t job) const;
  /// Stores a finished job, which from now on survives kill -9 and a power loss. Numbers are
  /// stored with all bits, except that infinities become NaN. Throws, and writes nothing, if
  /// another process has taken the lock.
  void add(const std::string& task, std::size_t job, const Measured& result);

  std::size_t size() const { return results_.size(); }
  /// Wall time of the study so far, including earlier processes up to the last job of each.
  double seconds() const;
  std::filesystem::path file() const { return folder_ / "jobs.jsonl"; }
  /// Removes the journal after the study's record has been written.
  void remove();

 private:
  using Clock = std::chrono::steady_clock;

  const FolderLock* lock_ = nullptr;
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
  /// From now on rank 0 deals the jobs to all ranks. Every rank runs the study's function and gets
  /// all results, so the function takes the same course everywhere. A rank whose `identity`
  /// (everything that the numbers depend on) is another gets no jobs. `threads` is the number of
  /// jobs at a time on each rank. 0: as many as its share of the cores.
  void use_ranks(Ranks& ranks, const Json& identity, int threads);

  double number(const std::string& setting) const { return settings_.at(setting); }
  int count(const std::string& setting) const { return static_cast<int>(number(setting)); }
  bool flag(const std::string& setting) const { return number(setting) != 0; }
  /// `seeds` consecutive seeds for the repetitions, starting at `--seed`.
  std::vector<std::uint64_t> seeds() const { return seeds(0, count("seeds")); }
  /// `count` consecutive seeds, starting `after` seeds after `--seed`.
  std::vector<std::uint64_t> seeds(int after, int count) const;

  enum class Order {
    together,  ///< several jobs at once, each on one thread
    in_turn    ///< one job at a time on all threads of rank 0, for jobs that measure times
  };
  /// result[i][k] = body(i, seeds[k]) for each i < count. A job must depend only on its numbers:
  /// results in the journal under this `task` are not computed again. Each job has `units` of work
  /// for the progress bar and reports finished work by `advance`. If a job throws, no other job
  /// starts, and `jobs` rethrows the exception.
  std::vector<Repeated> jobs(const std::string& task, std::size_t count,
                             const std::vector<std::uint64_t>& seeds, double units,
                             const std::function<Measured(std::size_t, std::uint64_t)>& body,
                             Order order = Order::together);
  /// Reports finished work. Throws Stopped if a stop was requested. Several threads may call this.
  void advance(double units = 1);

 private:
  using Job = std::function<Measured(std::size_t)>;
  void lead(const std::string& task, std::size_t total, double units, const Job& job, Order order);
  void deal(const std::string& task, std::deque<std::size_t> waiting, double units, const Job& job);
  void follow(const std::string& task, const Job& job);
  int capacity(int rank) const;
  void exclude(int rank, const std::string& why);

  std::map<std::string, double> settings_;
  std::uint64_t seed_;
  Journal& journal_;
  Ranks* ranks_ = nullptr;
  std::string identity_;
  int threads_of_rank_ = 0;
  /// The ranks that get no jobs.
  std::set<int> excluded_;
  std::optional<Progress> progress_;
  std::mutex mutex_;
};

// ---- Claims ----

// Ranges for a claim's value.
Interval at_most(double high);
Interval at_least(double low);

/// The conclusion if a claim fails.
enum class Weight {
  core,   ///< the study's claim is wrong
  limit,  ///< the claim does not hold everywhere
};

/// A number with its uncertainty, and the range in which it must lie.
struct Claim {
  std::string claim;
  double value;
  Interval interval;
  /// The meaning of the interval: `95 % for the mean of 5 seeds`.
  std::string uncertainty;
  /// The range in which the whole interval must lie. Ends may be infinite.
  Interval expected;
  Weight weight = Weight::core;

  /// True if the whole interval is in the range. False if a number is NaN.
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

/// A claim on the mean over seeds, with its 95 % interval. If a conclusion depends on several
/// `comparisons`, the interval is widened accordingly.
Claim on_mean(std::string claim, const Vector& values, Interval expected,
              Weight weight = Weight::core, int comparisons = 1);
/// A claim on every value, such as an identity's errors. The claim's value is the median, and its
/// interval runs from the smallest to the largest value.
Claim on_all(std::string claim, const Vector& values, Interval expected,
             Weight weight = Weight::core);

/// `not reproduced` if a core claim fails or there is none; `reproduced within limits` if only a
/// limit claim fails; otherwise `reproduced`. The verdict depends only on the claims, so it cannot
/// claim more than the numbers show.
std::string verdict(const std::vector<Claim>& claims);

// ---- Plots and tables, with the fields that docs/records.md lists ----

/// Rounds to five digits, which suffice for a plot.
Vector five_digits(Vector values);

/// One line of a plot. `low` and `high`, if present, bound its uncertainty and are drawn as a band.
struct StudyCurve {
  std::string name;
  /// The colour: a method's name, or `ramp-1` to `ramp-4`.
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
/// The curve through the mean of `values(k)` at each x[k]. `values(k)` has one value for each seed.
StudyCurve mean_curve(std::string name, std::string ink, Vector x, Shown shown,
                      const std::function<Vector(std::size_t)>& values);

struct StudyPlot {
  std::string name;  ///< the file is STUDY-NAME.svg
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

/// The mean and its 95 % interval, such as "1.50 (1.20 to 1.80)", with each number in `format`,
/// such as "{:.2f}".
std::string with_interval(const Vector& values, const char* format, const char* unit = "");

// ---- Studies ----

struct StudyResult {
  /// The sentences of the study, followed by those that the run adds.
  std::vector<std::string> setup, remarks;
  std::vector<Claim> claims = {};
  std::vector<StudyPlot> plots = {};
  /// In the format of the record.
  std::vector<Json> heat_maps = {};
  std::vector<StudyTable> tables = {};

  void claim(const std::vector<Claim>& more) {
    claims.insert(claims.end(), more.begin(), more.end());
  }
};

/// In `setup` and in all texts of a result, `{NAME}` stands for the value of a setting.
struct Study {
  std::string name;
  /// A one-line description for `--list`.
  std::string shows;
  /// The full claim, and its author.
  std::string claimed, by;
  /// Approximate times on 2 cores.
  std::string quick_time, full_time;
  /// The gains from a larger machine.
  std::string larger;
  std::vector<Setting> settings;
  /// `setup` describes the set-up in sentences. `remarks` states further conclusions and their
  /// limits.
  std::vector<std::string> setup, remarks;
  void (*run)(StudyContext& context, StudyResult& result);
};

/// Every study, in the order of `--list`.
const std::vector<Study>& studies();

// Each study has its own file.
Study flooding_study();
Study sam_study();
Study implicit_study();
Study gradient_error_study();
Study diagonal_linear_network_study();
Study curvature_term_study();
Study generalization_study();
Study cost_study();

/// The names and contents of STUDY.md and of an SVG file for each plot, as they should stand in
/// `folder`. They depend on the record alone.
std::vector<std::pair<std::string, std::string>> study_files(const Json& record,
                                                             const std::filesystem::path& folder);

}  // namespace twice::experiments
