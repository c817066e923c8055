// What a running study has finished: one line of JSON for each job, in a hidden folder beside the
// output. A study that was killed or stopped reads them again and does only the rest; since a job
// depends on its number alone, the result has the bits of a run that was never interrupted.
#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>

#include "experiments/files/record.h"

namespace twice::experiments {

class Journal {
 public:
  /// Remembers until its end, and writes nothing.
  Journal() = default;
  /// OUT/.study-NAME-KEY/jobs.jsonl, where KEY is made from `identity`: everything on which the
  /// study's numbers depend. Reads the jobs that are there. The caller holds OUT.
  Journal(const std::filesystem::path& out, const std::string& name, const Json& identity);
  /// Removes the folder when no job is in it.
  ~Journal();

  /// What the job handed back, when it is done.
  std::optional<Json> find(const std::string& task, std::size_t job) const;
  /// The job is done: from here on it survives kill -9 and loss of power. The numbers in `result`
  /// come back with all their bits; infinities come back as NaN.
  void add(const std::string& task, std::size_t job, const Json& result);

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
  std::map<std::pair<std::string, std::size_t>, Json> results_;
  double seconds_before_ = 0;
  Clock::time_point start_ = Clock::now();
};

}  // namespace twice::experiments
